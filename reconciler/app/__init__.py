"""The composition root: the one place that builds clients, clock, threads and schedules, and reads settings once.

settings, catalog     what was asked for; the kinds and what is known of them
sides                 the outside, one function each: the cluster, AWS, Git
loops                 the two loops and the way back, as the service, the Lab and the tests of the sync build them
lifecycle, service    one list of parts, started in its order and stopped in the reverse
"""
