"""The life of a HostingDeployment, room by room in the order of a pass:

    observed/    what is seen in SageMaker: the endpoint, what it serves from, what scales it, the stage of a rollout
    records      what status remembers of it, typed
    desired      what Git wants, or what a hold puts in its place
    situation/   all three together, and the conclusions drawn from them: what became of an open attempt, what drifted
    rules        everything that can happen, one rule after another; the first that answers decides
    actions      what is sent, with the records of the intent
    rendered     what is shown

`decide` is the way in, `legacy` the archived operator's past, `declaration` what the rest of the project reads of a status.
"""
