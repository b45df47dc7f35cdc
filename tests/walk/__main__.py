"""`python -m tests.walk --minutes 5 --seed 7`: see CONTRIBUTING.md."""

import sys

from tests.walk.walk import main

sys.exit(main())
