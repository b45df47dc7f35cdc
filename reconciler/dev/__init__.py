"""The embedded default: a real control plane, a SageMaker simulator and the demo, all on this machine.

May look at everything else of the package; nothing else imports it (an import-linter contract). The command line reaches
it by name only.
"""
