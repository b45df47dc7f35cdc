"""The rows of `docs/sagemaker-facts.md` as checks that run over boto3: against the simulator, or against an account.

A check names its rows, asks, and says what it did not find (`check.py`); the families are the modules of `families/`.
`runner.py` says beforehand what will be made and what that costs at most, and takes all of it away again.
"""
