"""The one life of what SageMaker never changes: a Model or an EndpointConfig is made once per content, under a name made of it.

    missing ──intent──> asked for ──created, or found ours──> Created ──content changes──> another one is made beside it
       ^                                                         │                             │
       └── deleted behind our back: by drift mode ───────────────┤      the old one goes when nothing uses it any more
                                                                 │
           recreated by somebody else, or adopted: taken only when it is ours or may be; other content is reported

What is not as the spec says is never corrected: nothing changes it, and whatever serves from it would lose it.

SageMaker deletes a model that a configuration names, and a configuration that an endpoint serves from, without a word
(SM-95); so before anything is deleted, reads show that nothing uses it.

`immutable_type` says how the two kinds differ, `objects` what is recorded and what is asked for. `observed`
looks, with `users` for who uses an object; `deciding` decides, with `ending` for what goes.
"""
