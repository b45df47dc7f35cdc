"""A random walk from outside over real processes, a recorder beside it and an auditor of what was recorded.

    walk.py       draws the steps from a seed, one line each; `python -m tests.walk`
    world.py      the processes: control plane, simulator, services, repository
    contents.py   what Git holds, and the manifests
    steps/        what may happen: in Git, in the cluster, in SageMaker, to the processes
    recorder.py   watches the request log, the API server and the repository; knows nothing of the walk
    record.py     what the recorder hands over, and a file of it
    auditor.py    what does not add up in a record; its rules are in `audit/`

Recorder, record and auditor import nothing of the product and nothing of the walk: they would share its mistakes.
"""
