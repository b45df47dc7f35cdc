"""The one life that all job kinds share: a run is started once, followed to its end, and stopped when its resource goes.

Jobs cost money, so the rules are these (D-4):
- A run is identified by (content, run token). Its name, digest and token are in status before the create goes out.
- What is recorded is used later, never a recomputed name; a run recorded as started is never created again.
- Changed content is a new run, or refused; content that ran before goes back to its run and starts nothing.
- A failed job is never retried by itself.

    no record ──intent──> requested ──created, or found ours──> started ──> Completed | Failed | Stopped | Missing
                             │ reply lost: describe, then create again under the same name
                             │ other content wanted: only when it is certain that nothing was created
                             └ refused: stays refused until the request would be another one

`job_type` says how the job kinds differ, `runs` what a run is called. `observed` looks; `deciding` decides, with
`starting`, `following` and `ending` for the three parts of a run's life. `spawned` is what is only shown.
"""
