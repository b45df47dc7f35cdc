"""The composition root: the one place that builds clients, clock, threads and schedules, and reads settings once.

- `settings` and `kinds`: what was asked for; the kinds with the shapes of their specs.
- `sides`: the outside, one function for each of the cluster, AWS and Git.
- `loops`: the two loops and the record of what happened, as the service, the Lab and the tests of the sync build them.
- `lifecycle` and `service`: one list of parts, started in its order and stopped in the reverse.
"""
