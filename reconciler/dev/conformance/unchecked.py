"""Rows that no check has, and why. The simulator's own tests hold most of them."""

_CHANCE = "comes when AWS wants, and cannot be asked for"
_RIGHTS = "needs a second identity with fewer rights; the simulator denies under a policy in the tests"
_QUEUE = "needs a rule and a queue of the account's; the events a run causes can be looked at with them"
_FAILURE = "needs an endpoint that fails for reasons of the service"
_ELSEWHERE = "needs another account or cluster"

UNCHECKED: dict[str, str] = {
    "SM-19": _RIGHTS,
    "SM-24": _CHANCE,
    "SM-59": "needs an account with many jobs of each status",
    "SM-68": _CHANCE,
    "SM-81": "would use up a quota",
    "SM-82": "would disturb the account",
    "SM-91": _RIGHTS,
    "SM-92": "needs credentials that have expired",
    "SM-93": _RIGHTS,
    "SM-97": _CHANCE,
    "SM-98": "would disturb the account",
    "SM-169": "a list of codes: the operations that are checked answer ValidationException instead",
    "SM-170": _CHANCE,
    "SM-102": _FAILURE,
    "SM-103": _CHANCE,
    "SM-110": _CHANCE,
    "SM-111": _FAILURE,
    "SM-112": _FAILURE,
    "SM-113": _FAILURE,
    "SM-114": _CHANCE,
    "SM-115": "holds an endpoint for an hour, and costs it",
    "SM-116": _CHANCE,
    "SM-122": "is about time that passes or does not",
    "SM-135": _CHANCE,
    "SM-139": "costs an instance more for a quarter of an hour",
    "SM-141": "costs an endpoint more",
    "SM-142": _CHANCE,
    "SM-154": _RIGHTS,
    "SM-155": _RIGHTS,
    "SM-156": _ELSEWHERE,
    "SM-157": _QUEUE,
    "SM-158": _CHANCE,
    "SM-159": _QUEUE,
    "SM-160": _QUEUE,
    "SM-161": _QUEUE,
    "SM-168": _ELSEWHERE,
    "SM-171": _FAILURE,
    "SM-172": _FAILURE,
    "SM-173": _FAILURE,
    "SM-180": "costs a processing job of the service for each rule",
    "SM-181": "is read from CloudWatch minutes later",
    "SM-182": "there is no host to ask",
    "SM-183": _RIGHTS,
}
