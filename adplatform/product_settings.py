"""What the product itself can be told, beside Django's and its libraries' settings."""

from django.core.exceptions import ImproperlyConfigured

from adplatform.environment import BASE_DIR, PRODUCTION, SECRET_KEY, VAR_DIR, env

# --- files
S3_BUCKET = env.str("S3_BUCKET", default="")  # media of several machines; empty: VAR_DIR/media

# --- generation
# Name -> model folder (or hub id). The class in model_index.json decides which renderer loads it.
GENERATION_MODELS = {
    "motif-gan": str(BASE_DIR / "generation" / "weights" / "motif-gan"),
    "scene-diffusion": str(BASE_DIR / "generation" / "weights" / "scene-diffusion"),
    **env.dict("GENERATION_MODELS", default={}),
}
# Name -> SHA-256 that the model's weights must have; a model without one is taken as it lies there.
GENERATION_MODEL_HASHES = env.dict("GENERATION_MODEL_HASHES", default={})
# Of the final picture, where the campaign names none; and of the draft that is shown while one is edited.
GENERATION_DEFAULT_MODEL = env.str("GENERATION_DEFAULT_MODEL", default="motif-gan")
GENERATION_DRAFT_MODEL = env.str("GENERATION_DRAFT_MODEL", default="motif-gan")
GENERATION_TORCH_THREADS = env.int("GENERATION_TORCH_THREADS", default=1)
GENERATION_DTYPE = env.str("GENERATION_DTYPE", default="auto")  # auto | float32 | float16 | bfloat16
# Each where the model's parts have it: faster after a long first picture; less memory for more time.
GENERATION_COMPILE = env.bool("GENERATION_COMPILE", default=False)
GENERATION_VAE_TILING = env.bool("GENERATION_VAE_TILING", default=False)
GENERATION_VAE_SLICING = env.bool("GENERATION_VAE_SLICING", default=False)
GENERATION_ATTENTION_SLICING = env.bool("GENERATION_ATTENTION_SLICING", default=False)
# Holds one folder with one safetensors file for each style that a brand kit may name; empty: none.
GENERATION_LORA_DIR = env.str("GENERATION_LORA_DIR", default="")
GENERATION_LEASE_SECONDS = env.int("GENERATION_LEASE_SECONDS", default=30)
GENERATION_STEP_DEADLINE_SECONDS = env.int("GENERATION_STEP_DEADLINE_SECONDS", default=120)
GENERATION_LOAD_DEADLINE_SECONDS = env.int("GENERATION_LOAD_DEADLINE_SECONDS", default=300)
# Side of the square picture asked of a model; one that was trained on less answers in its own size.
GENERATION_PICTURE_SIZE = env.int("GENERATION_PICTURE_SIZE", default=1024)
GENERATION_STEPS = env.int("GENERATION_STEPS", default=0)  # 0: the model's own default
GENERATION_GUIDANCE = env.float("GENERATION_GUIDANCE", default=-1.0)  # below 0: the model's own default
# Waiting jobs of one model that a worker draws in one pass: for GPUs; a CPU gains nothing.
GENERATION_MICROBATCH = env.int("GENERATION_MICROBATCH", default=1)
# What an hour of a render worker costs, in hundredths (or what the currency has); 0: no costs are shown.
GENERATION_WORKER_HOUR_CENTS = env.float("GENERATION_WORKER_HOUR_CENTS", default=0.0)
GENERATION_WORKER_HOUR_CURRENCY = env.str("GENERATION_WORKER_HOUR_CURRENCY", default="EUR")
# What finished creatives are; in each the quality is found that keeps the size's weight.
GENERATION_FORMAT = env.str("GENERATION_FORMAT", default="webp")
if GENERATION_FORMAT not in ("webp", "jpg", "png", "avif"):
    raise ImproperlyConfigured(
        f"GENERATION_FORMAT is {GENERATION_FORMAT!r}; it must be webp, jpg, png or avif."
    )
# Pictures drawn of one brief, of which the one that matches it best is kept.
GENERATION_CANDIDATES = env.int("GENERATION_CANDIDATES", default=1)
# A transformers CLIP folder that judges the match; empty: the built-in encoder.
GENERATION_CLIP = env.str("GENERATION_CLIP", default="")
GENERATION_MAX_ATTEMPTS = env.int("GENERATION_MAX_ATTEMPTS", default=3)
GENERATION_MAX_CRASHES = env.int("GENERATION_MAX_CRASHES", default=3)
# A picture that fails the inspection is drawn again with another seed so many times at the most.
GENERATION_REDRAWS_MAX = env.int("GENERATION_REDRAWS_MAX", default=2)
# A match score (-1 to 1) below this is the code low_match; None: what the judge itself calls low.
GENERATION_MATCH_LOW = env.float("GENERATION_MATCH_LOW", default=None)
# PEM files of the certificate that signs creatives (leaf first) and its P-256 key; made in VAR_DIR without.
C2PA_CERTIFICATES = env.str("C2PA_CERTIFICATES", default="")
C2PA_PRIVATE_KEY = env.str("C2PA_PRIVATE_KEY", default="")

# --- profiles
PROFILES_HALF_LIFE_DAYS = env.float("PROFILES_HALF_LIFE_DAYS", default=14.0)
PROFILES_TEXT_ENCODER = env.str("PROFILES_TEXT_ENCODER", default="profiles.text_mapping.LexiconMapper")
PROFILES_SEGMENT_MIN_SHOPPERS = env.int("PROFILES_SEGMENT_MIN_SHOPPERS", default=100)
# A segment's size counts who was seen within so many days.
PROFILES_SEGMENT_ACTIVE_DAYS = env.int("PROFILES_SEGMENT_ACTIVE_DAYS", default=30)
# Makes pseudonyms of shopper keys. Apart from SECRET_KEY, so that rotating that one loses no profile.
# Empty is not given: names under an empty key would be anybody's to make.
PROFILES_PSEUDONYM_KEY = env.str("PROFILES_PSEUDONYM_KEY", default="") or SECRET_KEY
# Rotation: "2:newkey,1:oldkey", newest first; names are then made under these (docs/privacy.md).
PROFILES_PSEUDONYM_KEYS: dict[str, str] = {}
for _item in env.list("PROFILES_PSEUDONYM_KEYS", default=[]):
    _version, _, _key = _item.strip().partition(":")
    if not _version or not _key or _version in PROFILES_PSEUDONYM_KEYS:
        raise ImproperlyConfigured(
            "PROFILES_PSEUDONYM_KEYS must be 2:newkey,1:oldkey: a key behind every version, none twice."
        )
    PROFILES_PSEUDONYM_KEYS[_version] = _key
# Our id in IAB Europe's Global Vendor List. With it consents may come as TCF strings; 0: they are refused.
PROFILES_TCF_VENDOR_ID = env.int("PROFILES_TCF_VENDOR_ID", default=0)

# --- shoppers' rights
# Keeps the tombstones of erased shoppers recognisable; it may never change.
RIGHTS_TOMBSTONE_KEY = env.str("RIGHTS_TOMBSTONE_KEY", default="") or PROFILES_PSEUDONYM_KEY
if (
    PRODUCTION
    and PROFILES_PSEUDONYM_KEYS
    and not env.str("RIGHTS_TOMBSTONE_KEY", default="")
    and not env.str("PROFILES_PSEUDONYM_KEY", default="")
):
    raise ImproperlyConfigured(
        "PROFILES_PSEUDONYM_KEYS is set and neither PROFILES_PSEUDONYM_KEY nor RIGHTS_TOMBSTONE_KEY is. Keep "
        "the PROFILES_PSEUDONYM_KEY of before the first rotation (SECRET_KEY where there was none) as "
        "RIGHTS_TOMBSTONE_KEY: under another key the log of erasures names nobody."
    )
# Outside the database, so that a restore from a backup does not take it back as well. Empty: an object for
# each erasure in the bucket, because machines that share a bucket share no VAR_DIR.
RIGHTS_TOMBSTONE_LOG = env.str(
    "RIGHTS_TOMBSTONE_LOG", default="" if S3_BUCKET else str(VAR_DIR / "erasures.log")
)
# Days that each class of data is kept; 0: for ever.
RETENTION_BEHAVIOUR_DAYS = env.int("RETENTION_BEHAVIOUR_DAYS", default=180)
RETENTION_EVENT_LINK_DAYS = env.int("RETENTION_EVENT_LINK_DAYS", default=395)
RETENTION_CONSENT_DAYS = env.int("RETENTION_CONSENT_DAYS", default=1095)
RETENTION_IDLE_SHOPPER_DAYS = env.int("RETENTION_IDLE_SHOPPER_DAYS", default=395)
RETENTION_INACTIVE_SHOPPER_DAYS = env.int("RETENTION_INACTIVE_SHOPPER_DAYS", default=1095)
RETENTION_DECISION_COUNT_DAYS = env.int("RETENTION_DECISION_COUNT_DAYS", default=395)

# --- serving
SERVING_TOKEN_DAYS = env.int("SERVING_TOKEN_DAYS", default=7)
SERVING_SNAPSHOT_SECONDS = env.float("SERVING_SNAPSHOT_SECONDS", default=1.0)
# How old the counts of a budget or a cap may be before its campaign waits for new ones; 0: any age.
SERVING_COUNT_MINUTES = env.float("SERVING_COUNT_MINUTES", default=5.0)
# Decisions and batches of events a second that one advertiser's keys may ask of one process; 0: any number. A
# process answers some 2,000, so half of it is left to everybody else.
SERVING_KEY_RATE = env.float("SERVING_KEY_RATE", default=1000.0)
SERVING_THREAD = True  # refreshes snapshots beside the requests (campaigns.serving.background)
ATTRIBUTION_CLICK_DAYS = env.int("ATTRIBUTION_CLICK_DAYS", default=7)
ATTRIBUTION_VIEW_DAYS = env.int("ATTRIBUTION_VIEW_DAYS", default=1)
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000")  # what the links of e-mails begin with
# Where the standing split's always-valid intervals are narrowest: chosen once, before anybody looks.
DIVIDEND_TUNED_SHOPPERS = env.int("DIVIDEND_TUNED_SHOPPERS", default=10_000)
REPORTS_MIN_SHOPPERS = env.int("REPORTS_MIN_SHOPPERS", default=50)  # tables by segment hide smaller groups

# --- products' pictures that the feed names by web address
REMOTE_PICTURES = env.bool("REMOTE_PICTURES", default=True)
# Hosts that they may come from, also as *.shop.example; empty: any public one.
REMOTE_PICTURES_HOSTS = env.list("REMOTE_PICTURES_HOSTS", default=[])
# All that one picture may take, redirects included.
REMOTE_PICTURES_SECONDS = env.float("REMOTE_PICTURES_SECONDS", default=15.0)
# A host is asked for one picture at a time, and rests so long in between.
REMOTE_PICTURES_HOST_PAUSE_SECONDS = env.float("REMOTE_PICTURES_HOST_PAUSE_SECONDS", default=0.2)
# A picture that we have is asked about again after so many days; 0: never.
REMOTE_PICTURES_RECHECK_DAYS = env.int("REMOTE_PICTURES_RECHECK_DAYS", default=7)
REMOTE_PICTURES_PORTS = (443,)
# For tests, which have a host of their own on this machine: no environment variable sets these.
REMOTE_PICTURES_CA = ""
REMOTE_PICTURES_LOOPBACK_HOSTS: tuple[str, ...] = ()

# --- operations
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # what Prometheus shows at /metrics; empty: no such page

# --- storefronts
# How long a process that cannot read the database goes on serving what it last read.
SERVING_STALE_SECONDS = env.float("SERVING_STALE_SECONDS", default=60.0)
DEMO_STOREFRONT = env.bool("DEMO_STOREFRONT", default=not PRODUCTION)
# A page's word about an order is not proof; only the demo storefront's "buy" button needs it.
STOREFRONT_CONVERSIONS_FROM_PAGE = env.bool("STOREFRONT_CONVERSIONS_FROM_PAGE", default=False)

# --- events
# How old a reported event may be; what is older is refused with too_old.
EVENTS_MAX_AGE_DAYS = env.int("EVENTS_MAX_AGE_DAYS", default=30)
# A Redis stream in front of the database, for peaks (docs/events.md); empty: every event goes there directly.
EVENTS_BUFFER_URL = env.str("EVENTS_BUFFER_URL", default="")
EVENTS_BUFFER_BATCHES = env.int("EVENTS_BUFFER_BATCHES", default=10_000)  # that may wait; more are refused
# How far behind the figures may be before /readyz says so; 0: never.
READY_STALE_SECONDS = env.int("READY_STALE_SECONDS", default=900)
# What one address with one browser may send in a minute before it is kept but not counted; 0: anything.
# Well above an office, or a carrier's phones behind one address.
EVENTS_SOURCE_MINUTE = env.int("EVENTS_SOURCE_MINUTE", default=1200)
CLICKS_SOURCE_MINUTE = env.int("CLICKS_SOURCE_MINUTE", default=60)
