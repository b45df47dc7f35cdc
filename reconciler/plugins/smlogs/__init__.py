"""`kubectl smlogs`: the CloudWatch logs of what a resource stands for.

`command` parses arguments, `kinds` says where a resource's logs are, `cloudwatch` reads them, `window` keeps a followed log
free of gaps and repetitions, `lines` prints, `follow` is the loop.
"""
