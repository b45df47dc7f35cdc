"""kubectl plugins: commands that people run beside a cluster, with their own rights to it and to AWS.

They read resources and AWS directly; nothing of the service needs to run. `connection`, `kubeconfig` and `terminal` are what
every plugin shares.
"""
