"""`kubectl sagemaker`: what Git asked for, what became of it, and the few levers people have.

It reads custom resources with the caller's own rights and changes annotations and `GitSync.spec.suspend` alone; SageMaker is
never called from here. Rendering and judging are pure modules (`health`, `tree`, `history`, `differences`, `releases`,
`goals`, `tracing`, ...); the `commands_*` modules put them together.
"""
