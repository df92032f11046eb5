"""Settings of the studio. Everything that differs between machines comes from the environment (`.env.example`)."""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
import structlog
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(env.str("STUDIO_ENV_FILE", default=str(BASE_DIR / ".env")))

# -- where things live --------------------------------------------------------------------------------------------

DATA_DIR = Path(env.str("STUDIO_DATA_DIR", default=str(BASE_DIR / "var"))).expanduser().resolve()
MODELS_DIR = DATA_DIR / "models"
ADAPTERS_DIR = DATA_DIR / "adapters"
RUNS_DIR = DATA_DIR / "runs"
CLAP_DIR = Path(env.str("STUDIO_CLAP_DIR", default=str(MODELS_DIR / "clap"))).expanduser()
BUNDLED_MODEL_DIR = BASE_DIR / "generation" / "bundled" / "studio-tiny"


def _secret_key() -> str:
    """The key from the environment, or one generated once and kept beside the data with mode 0600."""
    if key := env.str("SECRET_KEY", default=""):
        return key
    path = DATA_DIR / "secret_key"
    try:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="ascii") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(64))
    except FileExistsError:
        pass
    except OSError as error:
        raise ImproperlyConfigured(
            f"{DATA_DIR} cannot be written ({error.strerror}). Set STUDIO_DATA_DIR to a writable folder, or SECRET_KEY."
        ) from error
    return path.read_text(encoding="ascii")


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Where the web process listens. HOST=0.0.0.0 opens the studio to the home network, whose names for it nobody knows.
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
if os.environ.get("HOST"):
    ALLOWED_HOSTS += ["*"] if HOST == "0.0.0.0" and not env.str("ALLOWED_HOSTS", default="") else [HOST]

# -- applications --------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "text2song.apps.StudioConfig",
    "prompts.apps.PromptsConfig",
    "adapters.apps.AdaptersConfig",
    "generation.apps.GenerationConfig",
    "feedback.apps.FeedbackConfig",
    "datasets_app.apps.DatasetsConfig",
    "training.apps.TrainingAppConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "django_q",
    "django_htmx",
    "django_filters",
    "django_structlog",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "storages",
    "csp",
]

MIDDLEWARE = [
    "text2song.middleware.LanguageMiddleware",
    "text2song.middleware.PackedWordsMiddleware",
    "text2song.middleware.ApiErrorShapeMiddleware",
    "text2song.middleware.BodyLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "text2song.middleware.SignInRequiredMiddleware",
    "feedback.middleware.GuestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "text2song.middleware.TimeZoneMiddleware",
]

ROOT_URLCONF = "text2song.urls"
WSGI_APPLICATION = "text2song.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "text2song.pages.context_processors.studio",
            ],
            "builtins": ["django.templatetags.i18n", "text2song.pages.components"],
            "libraries": {
                "feedback": "feedback.pages.tags",
                "generation_format": "generation.pages.tags",
                "prompt_search": "prompts.pages.tags",
                "slots": "text2song.pages.slot_tags",
                "taste_format": "training.pages.taste_tags",
                "training_format": "training.pages.tags",
                "workforce": "text2song.pages.tags",
                "writing": "prompts.pages.writing",
            },
        },
    }
]

# -- database and cache --------------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'studio.sqlite3'}")
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

REDIS_URL = env.str("REDIS_URL", default="")
_cache_options: dict[str, Any] = {"backend": "text2song.caching.DiskCache"}
if REDIS_URL:
    # A server that is away costs a second at most; the library's own retries with pauses would cost several.
    _cache_options = {
        "backend": "django.core.cache.backends.redis.RedisCache",
        "socket_connect_timeout": 1,
        "socket_timeout": 1,
        "retry": Retry(NoBackoff(), 1),
    }
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "text2song.caching.ForgivingCache",
        "LOCATION": REDIS_URL or str(DATA_DIR / "cache"),
        "OPTIONS": _cache_options,
    }
}

# -- work queues: the job row is the truth, a message only wakes a worker ---------------------------------------------

Q_CLUSTER: dict[str, Any] = {
    "name": "text2song",
    "cluster_name": "default",
    "workers": 1,
    "queue_limit": 4,
    "poll": 0.5,
    "timeout": 24 * 3600,
    "retry": 48 * 3600,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": 200,
    "catch_up": False,
    "label": "Queue",
    "ALT_CLUSTERS": {
        # One process per device, never recycled: recycling would load the model again.
        "generation": {
            "workers": 1,
            "queue_limit": 1,
            "recycle": 1_000_000,
            "timeout": 24 * 3600,
            "retry": 48 * 3600,
            "poll": 0.3,
            "scheduler": False,
        },
        # A cluster of its own, so that a long run never keeps a generation waiting.
        "training": {
            "workers": 1,
            "queue_limit": 1,
            "recycle": 1_000_000,
            "timeout": 60 * 24 * 3600,
            "retry": 120 * 24 * 3600,
            "scheduler": False,
        },
    },
}
Q_CLUSTER |= {"redis": REDIS_URL, "broker_class": "text2song.queue.RedisBroker"} if REDIS_URL else {"orm": "default"}

# -- files: local folder, or any S3-compatible store -----------------------------------------------------------------

S3_BUCKET = env.str("S3_BUCKET", default="")
S3_PUBLIC_URL = env.str("S3_PUBLIC_URL", default="")
AUDIO_URL_SECONDS = env.int("AUDIO_URL_SECONDS", default=300)
if S3_BUCKET:
    _default_storage: dict[str, Any] = {
        "BACKEND": "text2song.storage.StudioS3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.str("S3_ENDPOINT_URL", default="") or None,
            "public_endpoint_url": S3_PUBLIC_URL or None,
            "access_key": env.str("S3_ACCESS_KEY", default=None),
            "secret_key": env.str("S3_SECRET_KEY", default=None),
            "region_name": env.str("S3_REGION", default="us-east-1"),
            "addressing_style": env.str("S3_ADDRESSING_STYLE", default="path"),
            "signature_version": "s3v4",
            "querystring_expire": AUDIO_URL_SECONDS,
            "file_overwrite": True,
            "default_acl": None,
        },
    }
else:
    _default_storage = {
        "BACKEND": "text2song.local_storage.WholeFileStorage",
        "OPTIONS": {"location": str(DATA_DIR / "media")},
    }
STORAGES = {
    "default": _default_storage,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("vendor/wavesurfer", BASE_DIR / "node_modules" / "wavesurfer.js" / "dist"),
    ("vendor/inter", BASE_DIR / "node_modules" / "@fontsource-variable" / "inter" / "files"),
    ("vendor/uplot", BASE_DIR / "node_modules" / "uplot" / "dist"),
]

# -- people ------------------------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "sign-in"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hant", "繁體中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "text2song.formats"
LANGUAGE_COOKIE_AGE = int(timedelta(days=365).total_seconds())
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

FIRST_PASSWORD = env.str("STUDIO_PASSWORD", default="")

# -- API ------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "text2song.api.auth.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["text2song.api.auth.IsSignedInWithScope"],
    "DEFAULT_PARSER_CLASSES": ["text2song.api.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "text2song.api.pagination.ApiPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "text2song.api.filters.StrictOrderingFilter",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["text2song.api.throttles.RequestThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "user": env.str("API_RATE", default="600/min"),
        "generate": env.str("API_GENERATE_RATE", default="60/min"),
        "shared": env.str("SHARED_RATE", default="300/min"),
    },
    "DEFAULT_SCHEMA_CLASS": "text2song.api.schema.StudioSchema",
    "DEFAULT_METADATA_CLASS": "text2song.api.metadata.PlainMetadata",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "text2song.api.negotiation.StrictNegotiation",
    "EXCEPTION_HANDLER": "text2song.api.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Api-Key",
    "TOKEN_TTL": None,
    "TOKEN_MODEL": "text2song.ApiKey",
    "TOKEN_PREFIX": "t2s_",
}
KNOX_TOKEN_MODEL = "text2song.ApiKey"
MIGRATION_MODULES = {"knox": None}  # its own token table would stand unused beside ours
SPECTACULAR_SETTINGS = {
    "TITLE": "Text2Song Studio API",
    "DESCRIPTION": "Write prompts, generate music, listen and judge. "
    "Sign in with a browser session or `Authorization: Api-Key <key>`.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "AdapterRegistrationState": "adapters.models.AdapterRegistration.State",
        "JobState": "generation.models.GenerationJob.State",
        "JobKind": "generation.models.GenerationJob.Kind",
        "DatasetState": "datasets_app.models.Dataset.State",
        "DatasetKind": "datasets_app.models.Dataset.Kind",
        "ExperimentState": "training.models.Experiment.State",
        "Instrument": "prompts.wording.vocabulary.INSTRUMENT_CHOICES",
    },
}

# Request bodies: what no form or JSON of the studio comes near, but for files sent by who is signed in.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
ADAPTER_MAX_BYTES = env.int("ADAPTER_MAX_MB", default=2048) * 1024 * 1024
UPLOAD_MAX_BYTES = ADAPTER_MAX_BYTES + 1_000_000
UPLOAD_VIEWS = ("adapter-upload", "api-adapter-list")
GENERATION_BATCH_SAMPLES = env.int("GENERATION_BATCH_SAMPLES", default=16)
# On the CPU, training leaves a core to generation.
TRAINING_CPU_THREADS = int(env.str("TRAINING_CPU_THREADS", default="") or max(1, (os.cpu_count() or 2) - 1))
MAX_ACTIVE_JOBS_PER_USER = env.int("MAX_ACTIVE_JOBS_PER_USER", default=20)
SET_ASIDE_DAYS = env.int("SET_ASIDE_DAYS", default=14)
HF_HUB_TIMEOUT = env.int("HF_HUB_TIMEOUT", default=10)

# -- security --------------------------------------------------------------------------------------------------------

# Audio comes from this host, or by redirect from the object store; nothing else is loaded from anywhere.
_s3_origin = S3_PUBLIC_URL or env.str("S3_ENDPOINT_URL", default="")
_media_sources = [SELF, "blob:"] + ([_s3_origin] if S3_BUCKET and _s3_origin else [])
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "media-src": _media_sources,
        "connect-src": [SELF, *_media_sources[2:]],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
HTTPS = env.bool("HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True
SESSION_COOKIE_AGE = int(timedelta(days=30).total_seconds())
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# -- logs: one JSON object a line in production, readable lines at home ------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="console")
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ]
            if LOG_FORMAT == "json"
            else [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
            ],
            "foreign_pre_chain": _shared_processors,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django_structlog": {"level": env.str("REQUEST_LOG_LEVEL", default="WARNING")},
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared_processors,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
