"""Every key of `seaway.yaml`, declared once: type, default, bounds and sentence.

The JSON Schema (validator and editors), the reference page and the commented example of `seaway init` are made from
these declarations, so a key cannot exist without its sentence. Values are as written; `desired.py` gives them their
meaning.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from seaway.deploy.description.kinds import NAME_PATTERN, Bytes, Duration, Keys, Port, SecretSource, Share
from seaway.deploy.description.monitoring import Monitor

TargetName = Literal["process", "docker", "swarm", "kubernetes"]
TARGETS: tuple[TargetName, ...] = ("process", "docker", "swarm", "kubernetes")

VersionsPolicy = Annotated[
    str, Meta(pattern=r"^(all|latest(:[1-9][0-9]*)?)$", description="`latest`, `latest:N` or `all`")
]

ProjectName = Annotated[
    str,
    Meta(
        pattern=NAME_PATTERN,
        description="Name of the deployment: lower-case letters, digits and '-', at most 40. Everything that is made "
        "carries it.",
        examples=["digits"],
    ),
]


class Objective(Keys, frozen=True):
    """What a model promises. A rollout is undone when the new version breaks it, and monitoring alerts on it."""

    error_rate: Annotated[Share, Meta(description="Largest share of requests that may fail.")] = 0.01
    p99_ms: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="Longest 99th percentile of latency, in milliseconds; none unless set."),
    ] = None
    disagreement: Annotated[
        Share, Meta(description="Largest share of shadowed requests that a new version may answer otherwise.")
    ] = 0.05
    memory: Annotated[
        Bytes | None, Meta(description="Most memory that one loaded version may take; none unless set.")
    ] = None


class Log(Keys, frozen=True):
    """A share of a model's requests and answers, written to files; a change of it loads nothing again."""

    sampling_rate: Annotated[
        Share, Meta(description="Share of the requests that is logged; none unless set.", examples=[0.01])
    ] = 0.0
    prefix: Annotated[
        str,
        Meta(
            description="What the files' names begin with: a path in the deployment's directory of logs, or a URL; the "
            "name of the model unless set.",
            examples=["s3://bucket/log/digits"],
        ),
    ] = ""


class Model(Keys, frozen=True):
    """One model of the store."""

    path: Annotated[
        str, Meta(description="Directory of its versions inside the store; its name unless set.", examples=["digits"])
    ] = ""
    versions: Annotated[
        VersionsPolicy | list[Annotated[int, Meta(ge=0)]],
        Meta(
            description="Which versions are loaded: `latest`, `latest:N`, `all`, or a list of numbers.",
            examples=["latest", [6, 7]],
        ),
    ] = "latest"
    labels: Annotated[
        dict[str, Annotated[int, Meta(ge=0)]],
        Meta(description="Version numbers by label, as in TensorFlow Serving.", examples=[{"stable": 6}]),
    ] = {}
    engine: Annotated[
        str, Meta(description="Engine of this model, as `seaway serve --engine` takes it; the server's unless set.")
    ] = ""
    batching: Annotated[
        dict[str, Any],
        Meta(
            description="Batching parameters of this model, as the admin call takes them (docs/batching.md).",
            examples=[{"max_batch_size": 64}],
        ),
    ] = {}
    log: Annotated[Log, Meta(description="Logged requests (docs/request-log.md).")] = field(default_factory=Log)
    objective: Annotated[Objective, Meta(description="What this model promises.")] = field(default_factory=Objective)


class Ports(Keys, frozen=True):
    """Where clients find the deployment; TensorFlow Serving's ports unless set."""

    grpc: Annotated[Port, Meta(description="Port of the gRPC API.")] = 8500
    rest: Annotated[Port, Meta(description="Port of the REST API.")] = 8501
    address: Annotated[
        str,
        Meta(
            description="Address that the ports are opened on: 127.0.0.1 for this machine only, 0.0.0.0 for everyone."
        ),
    ] = "127.0.0.1"


class Ingress(Keys, frozen=True):
    """What spreads requests over the replicas where they are containers; the process target brings its own."""

    image: Annotated[str, Meta(description="Container image of Traefik, version 3.")] = "traefik:v3.7"


class Tls(Keys, frozen=True):
    """Encryption between clients and the deployment, ended at its ingress."""

    certificate: Annotated[
        str, Meta(description="PEM file of the certificate chain, relative to seaway.yaml.", examples=["tls.crt"])
    ]
    key: Annotated[str, Meta(description="PEM file of the private key, relative to seaway.yaml.", examples=["tls.key"])]


class Gpu(Keys, frozen=True):
    """GPU resources of each replica. Never run by the project's own tests: they have no GPU."""

    count: Annotated[int, Meta(ge=0, le=64, description="GPUs of each replica.")] = 0
    mig: Annotated[
        str, Meta(description="MIG profile instead of whole GPUs, for instance `1g.10gb`.", examples=["1g.10gb"])
    ] = ""
    memory_fraction: Annotated[
        Share, Meta(description="`per_process_gpu_memory_fraction` of each replica; 0 leaves it to the engine.")
    ] = 0.0


class Placement(Keys, frozen=True):
    """Where replicas may run, for targets with several machines."""

    constraints: Annotated[
        list[str],
        Meta(
            description="Swarm: placement constraints, such as `node.labels.zone == a`. Kubernetes: `label=value` of "
            "nodes.",
            examples=[["node.role == worker"]],
        ),
    ] = []
    spread: Annotated[str, Meta(description="Node label over whose values replicas are spread evenly.")] = ""


class Server(Keys, frozen=True):
    """The replicas: how many there are and what each one is made of."""

    image: Annotated[
        str,
        Meta(
            description="Container image of the replicas, for docker, swarm and kubernetes; `seaway image build` makes "
            "one.",
            examples=["seaway:0.1.0-tensorflow"],
        ),
    ] = ""
    replicas: Annotated[int, Meta(ge=0, le=1000, description="Replicas that run.")] = 1
    cpu: Annotated[float, Meta(ge=0, le=1024, description="Processors of each replica; 0 sets no limit.")] = 0.0
    memory: Annotated[Bytes | None, Meta(description="Memory of each replica; none sets no limit.")] = None
    gpu: Annotated[Gpu, Meta(description="GPUs of each replica.")] = field(default_factory=Gpu)
    ports: Annotated[Ports, Meta(description="Where clients find the deployment.")] = field(default_factory=Ports)
    ingress: Annotated[Ingress, Meta(description="What spreads requests over the replicas.")] = field(
        default_factory=Ingress
    )
    tls: Annotated[Tls | UnsetType, Meta(description="Encryption; plain text unless set.")] = UNSET
    tokens: Annotated[
        list[SecretSource],
        Meta(
            description="Bearer tokens; when any are set, a request without one of them is refused.",
            examples=[[{"env": "APP_TOKEN"}]],
        ),
    ] = []
    env: Annotated[
        dict[str, str], Meta(description="Environment of each replica.", examples=[{"TF_NUM_INTRAOP_THREADS": "2"}])
    ] = {}
    settings: Annotated[
        dict[str, Any],
        Meta(
            description="Settings of `seaway serve`, by group, as in its settings file (docs/configuration.md).",
            examples=[{"engine": {"engine": "onnx"}}],
        ),
    ] = {}
    placement: Annotated[Placement, Meta(description="Where replicas may run.")] = field(default_factory=Placement)
    start_timeout_s: Annotated[
        Duration,
        Meta(description="Time a new replica has to serve every model before it counts as broken, in seconds."),
    ] = 120.0
    drain_timeout_s: Annotated[
        Duration, Meta(description="Time that requests in flight have to finish when a replica is stopped, in seconds.")
    ] = 30.0


class Check(Keys, frozen=True):
    """A question to the monitor whose answer must be within bounds all along."""

    name: Annotated[str, Meta(min_length=1, description="What it is called when it takes a version back.")]
    query: Annotated[
        str,
        Meta(
            min_length=1,
            description="PromQL; `$model`, `$version` and `$live` stand for the model, its new version and the one "
            "before. Every value of its answer must be within the bounds; no answer says nothing.",
            examples=['avg(click_rate{model="$model",version="$version"})'],
        ),
    ]
    max: Annotated[float | None, Meta(description="Largest value allowed.")] = None
    min: Annotated[float | None, Meta(description="Smallest value allowed.")] = None


class Rollout(Keys, frozen=True):
    """How `seaway rollout` walks from one version of a model to the next."""

    shadow: Annotated[
        Share,
        Meta(
            description="Share of requests that are also run on the new version while it is only watched; 0 skips it."
        ),
    ] = 0.1
    shadow_s: Annotated[Duration, Meta(description="Time of the shadow stage, in seconds.")] = 60.0
    canary: Annotated[
        list[Share], Meta(description="Shares of requests that the new version answers, stage by stage.")
    ] = field(default_factory=lambda: [0.01, 0.1, 0.5])
    stage_s: Annotated[Duration, Meta(description="Time of each canary stage, in seconds.")] = 60.0
    bake_s: Annotated[
        Duration, Meta(description="Time at all requests with the old version still loaded, in seconds.")
    ] = 300.0
    min_samples: Annotated[
        int, Meta(ge=1, description="Requests that a stage must have seen of the new version before it is judged.")
    ] = 100
    patience_s: Annotated[
        Duration, Meta(description="Time a stage waits for that many; then the rollout is undone, in seconds.")
    ] = 3600.0
    tolerance: Annotated[
        float,
        Meta(ge=1, le=100, description="How many times the old version's p99 the new one's may be in the same window."),
    ] = 1.5
    sticky_header: Annotated[
        str,
        Meta(description="Header or gRPC metadata key whose value keeps a client on one side.", examples=["x-user"]),
    ] = ""
    checks: Annotated[
        list[Check],
        Meta(
            description="Questions to the monitor; a rollout is undone when one is answered out of bounds.",
            examples=[[{"name": "clicks", "query": 'avg(click_rate{model="$model",version="$version"})', "min": 0.02}]],
        ),
    ] = []
    alerts: Annotated[
        list[str],
        Meta(
            description="Alerts of the monitor that undo a rollout when they begin to fire during it, by name; `*` for "
            "all that concern the model.",
            examples=[["*"]],
        ),
    ] = []


class Autoscale(Keys, frozen=True):
    """How the number of replicas follows the load; off unless `max` is set."""

    min: Annotated[int, Meta(ge=1, le=1000, description="Fewest replicas.")] = 1
    max: Annotated[int, Meta(ge=0, le=1000, description="Most replicas; 0 turns autoscaling off.")] = 0
    metric: Annotated[
        Literal["in_flight", "queue_ms", "cpu", "query"],
        Meta(
            description="What is held at the target: requests in flight or queue time per replica, processor use, or "
            "the answer to `query`."
        ),
    ] = "in_flight"
    query: Annotated[
        str,
        Meta(
            description="For `metric: query`: PromQL that the monitor is asked, the load of all replicas together.",
            examples=["sum(rate(seaway_requests_total[1m]))"],
        ),
    ] = ""
    target: Annotated[
        float,
        Meta(
            gt=0,
            description="Its value per replica: requests, milliseconds, percent of `server.cpu`, or of `query`.",
        ),
    ] = 8.0
    up_window_s: Annotated[
        Duration, Meta(description="Time over which the load must ask for more before replicas are added, in seconds.")
    ] = 15.0
    down_window_s: Annotated[
        Duration, Meta(description="Time over which the load must ask for fewer before any is removed, in seconds.")
    ] = 300.0


class Kubernetes(Keys, frozen=True):
    """What only the target `kubernetes` reads."""

    namespace: Annotated[str, Meta(pattern=NAME_PATTERN, description="Namespace of every object.")] = "default"
    context: Annotated[str, Meta(description="Context of the kubeconfig; the current one unless set.")] = ""
    store_claim: Annotated[
        str, Meta(description="PersistentVolumeClaim that holds the model store; a hostPath of `store` unless set.")
    ] = ""
    expose: Annotated[
        Literal["none", "ingress", "gateway"], Meta(description="How the service is reached from outside the cluster.")
    ] = "none"
    host: Annotated[
        str, Meta(description="Host name for `ingress` and `gateway`.", examples=["models.example.org"])
    ] = ""
    gateway: Annotated[str, Meta(description="`namespace/name` of the Gateway that routes attach to.")] = ""
    ingress_class: Annotated[str, Meta(description="Ingress class; the cluster's default unless set.")] = ""
    registry: Annotated[
        str, Meta(description="Name of the Secret with which the image is pulled; none unless set.")
    ] = ""


class Description(Keys, frozen=True):
    """One deployment."""

    project: ProjectName
    store: Annotated[
        str,
        Meta(
            description="Model store: a directory of models, each a directory of numbered versions, relative to "
            "seaway.yaml; or a URL (`s3://`, `gs://`, `https://`), which replicas read themselves.",
            examples=["./models"],
        ),
    ]
    models: Annotated[
        dict[Annotated[str, Meta(min_length=1)], Model],
        Meta(min_length=1, description="Models to serve, by name."),
    ]
    target: Annotated[TargetName, Meta(description="Where it runs, unless `--target` says otherwise.")] = "process"
    state: Annotated[
        str,
        Meta(
            description="Directory of what the deployment publishes and remembers (live versions, history, lock), "
            "which replicas reach too; `.seaway/PROJECT` unless set, in the store or, where that is a URL, beside "
            "seaway.yaml. Relative to seaway.yaml."
        ),
    ] = ""
    server: Annotated[Server, Meta(description="The replicas.")] = field(default_factory=Server)
    rollout: Annotated[Rollout, Meta(description="How a new version of a model takes over.")] = field(
        default_factory=Rollout
    )
    autoscale: Annotated[Autoscale, Meta(description="How the number of replicas follows the load.")] = field(
        default_factory=Autoscale
    )
    monitor: Annotated[
        bool | Monitor,
        Meta(description="What looks at the replicas, shows it and alerts (docs/monitor.md); `false` for none."),
    ] = field(default_factory=Monitor)
    kubernetes: Annotated[Kubernetes, Meta(description="What only the target `kubernetes` reads.")] = field(
        default_factory=Kubernetes
    )
    environments: Annotated[
        dict[str, dict[str, Any]],
        Meta(
            description="Overlays by name, for `--environment`: any of the keys above, laid over them.",
            examples=[{"production": {"target": "docker", "server": {"replicas": 3}}}],
        ),
    ] = {}

    @property
    def monitoring(self) -> Monitor:
        """The keys of the monitor, however it was written."""
        return Monitor(enabled=self.monitor) if isinstance(self.monitor, bool) else self.monitor
