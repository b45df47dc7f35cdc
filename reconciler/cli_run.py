"""`reconciler run`: arguments to Settings, and nothing else. Every flag has a variable `RECONCILER_<FLAG>` and a place in the file
of `--config`.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import click

from reconciler.cli_options import Seconds, Setting, Whole, defaults

_NAME = re.compile(r"[a-z0-9-]{1,32}")


def _endpoints(_context: click.Context, _parameter: click.Parameter, text: str) -> dict[str, str]:
    from reconciler.core.tenancy import parse_endpoints  # noqa: PLC0415 - `--help` must not wait for the service

    try:
        return parse_endpoints(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{error}; for example https://sagemaker.us-west-2.amazonaws.com=https://proxy.local"
        ) from None


def _listed(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Repeated, or with commas: no region, role or namespace has one."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def _cluster(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise click.BadParameter("1 to 32 of a-z, 0-9 and '-'; it is in every name and tag, choose it once")
    return name


def _cache(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from None
    return path


_PACE = Seconds(0.1, 86_400.0)
_setting = partial(click.option, cls=Setting)


@click.command(
    context_settings={"auto_envvar_prefix": "RECONCILER", "show_default": True},
    epilog="""\b
Examples:
  reconciler run --cluster-name prod-eu
  reconciler run --config /etc/sagemaker-gitops.yaml            cluster-name: prod-eu, a flag a line
  eval "$(sed 's/^/export /' .dev/env)" && reconciler run      after `reconciler dev up --detach`""",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=defaults,
    metavar="FILE",
    help="YAML whose keys are the flags below, without dashes in front. A flag goes before its variable, that before the file.",
)
@_setting("--cluster-name", required=True, callback=_cluster, help="Names this cluster in every digest and owner tag.")
@_setting(
    "--kubeconfig", envvar=["RECONCILER_KUBECONFIG", "KUBECONFIG"], help="Default: in-cluster, then ~/.kube/config."
)
@_setting(
    "--namespace",
    "namespaces",
    envvar="RECONCILER_NAMESPACE",
    multiple=True,
    callback=_listed,
    help="Watch this namespace only; repeat for several. Default: all.",
)
@_setting(
    "--controller-namespace",
    envvar=["RECONCILER_CONTROLLER_NAMESPACE", "POD_NAMESPACE"],
    default="default",
    help="Where the Lease and the recorded cluster name live.",
)
@_setting("--leader-election/--no-leader-election", default=False, help="Needed as soon as there are two replicas.")
@_setting(
    "--sagemaker-endpoints",
    default="",
    callback=_endpoints,
    help="ALLOWED=EFFECTIVE,...: endpoints a manifest may name and what is used instead; '*' stands for all.",
)
@_setting(
    "--default-sagemaker-endpoint",
    envvar=["RECONCILER_DEFAULT_SAGEMAKER_ENDPOINT", "AWS_DEFAULT_SAGEMAKER_ENDPOINT"],
    default="",
    help="URL of SageMaker for manifests that name none. Default: botocore's own choice.",
)
@_setting(
    "--allowed-regions",
    multiple=True,
    callback=_listed,
    help="Regions a manifest may name, with * and ?. Default: all.",
)
@_setting(
    "--allowed-roles",
    multiple=True,
    callback=_listed,
    help="ARNs, with * and ?, of roles that a Namespace's annotation may name; {namespace} stands for its name. Default: none.",
)
@_setting(
    "--forbid-adoption",
    multiple=True,
    callback=_listed,
    help="Namespace whose objects may not take over what exists in SageMaker, with or without the annotation; '*': none may.",
)
@_setting("--external-id", default="", help="Sent with every AssumeRole; {namespace} stands for the namespace's name.")
@_setting("--allow-file-remotes/--no-allow-file-remotes", default=False, help="file:// repositories, for development.")
@_setting(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=lambda: Path.home() / ".cache" / "sagemaker-gitops" / "git",
    show_default="~/.cache/sagemaker-gitops/git",
    callback=_cache,
    help="Bare clones of repositories. One per running service.",
)
@_setting("--workers", type=Whole(1, 64), default=4, help="Objects reconciled at once.")
@_setting("--poll-fast", type=_PACE, default=5.0, help="Seconds between looks at what is changing.")
@_setting("--poll-slow", type=_PACE, default=60.0, help="Seconds between looks at what is settled.")
@_setting("--poll-tags", type=_PACE, default=300.0, help="Seconds between looks at the tags of everything.")
@_setting(
    "--events-queue",
    default="",
    metavar="URL",
    help="SQS queue of SageMaker's EventBridge events: changes are then seen within seconds. Default: none, sweeps find them.",
)
@_setting("--listen", default="127.0.0.1", help="Address of probes, metrics and webhooks.")
@_setting(
    "--port",
    type=Whole(0, 65_535),
    default=8080,
    help="Port of probes, metrics and webhooks; 0 takes a free one.",
)
@_setting(
    "--kubectl", envvar=["RECONCILER_KUBECTL", "KUBECTL"], default="kubectl", help="Used to render kustomizations."
)
@_setting("--log-level", type=click.Choice(["debug", "info", "warning"]), default="info")
@_setting("--log-format", type=click.Choice(["text", "json"]), default="text", help="json: an object a line.")
def run(
    *,
    cluster_name: str,
    kubeconfig: str | None,
    namespaces: tuple[str, ...],
    controller_namespace: str,
    leader_election: bool,
    sagemaker_endpoints: dict[str, str],
    default_sagemaker_endpoint: str,
    allowed_regions: tuple[str, ...],
    allowed_roles: tuple[str, ...],
    forbid_adoption: tuple[str, ...],
    external_id: str,
    allow_file_remotes: bool,
    cache_dir: Path,
    workers: int,
    poll_fast: float,
    poll_slow: float,
    poll_tags: float,
    events_queue: str,
    listen: str,
    port: int,
    kubectl: str,
    log_level: str,
    log_format: str,
) -> None:
    """Run the service: sync Git into the cluster and reconcile the cluster with SageMaker."""
    from reconciler.app.logs import set_up  # noqa: PLC0415 - see above
    from reconciler.app.service import Service  # noqa: PLC0415
    from reconciler.app.settings import Settings  # noqa: PLC0415
    from reconciler.core.errors import ReconcileError  # noqa: PLC0415
    from reconciler.runtime.observe.observer import Paces  # noqa: PLC0415

    set_up(log_level, log_format)
    settings = Settings(
        cluster_name=cluster_name,
        kubeconfig=kubeconfig,
        namespaces=namespaces,
        controller_namespace=controller_namespace,
        leader_election=leader_election,
        endpoints=sagemaker_endpoints,
        default_endpoint=default_sagemaker_endpoint,
        allowed_regions=allowed_regions,
        allowed_roles=allowed_roles,
        forbid_adoption=forbid_adoption,
        external_id=external_id,
        allow_file_remotes=allow_file_remotes,
        cache_dir=cache_dir,
        workers=workers,
        paces=Paces(poll_fast, poll_slow, poll_tags),
        events_queue=events_queue,
        listen=listen,
        port=port,
        kubectl=kubectl,
    )
    try:
        raise SystemExit(Service(settings).run())
    except ReconcileError as error:
        raise click.ClickException(str(error)) from None
