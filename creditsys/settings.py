"""All settings. What differs between machines comes from the environment (README lists it).

``CREDITSYS_ENV`` is ``demo`` (the default: everything works without any variable) or
``production`` (secrets, hosts and the database must be given, and the site is https only).
"""

import contextlib
import re
import secrets
import tempfile
from datetime import timedelta
from pathlib import Path

import environ
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from creditsys.admin_site import UNFOLD  # noqa: F401 -- a setting
from creditsys.sealing import derived_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def required(name: str, remedy: str) -> str:
    """The environment variable ``name``; ImproperlyConfigured with the remedy without it."""
    value = str(env.str(name, default=""))
    if not value:
        raise ImproperlyConfigured(f"Set {name}: {remedy}")
    return value


CREDITSYS_ENV = env.str("CREDITSYS_ENV", default="demo")
if CREDITSYS_ENV not in {"demo", "production"}:
    raise ImproperlyConfigured(f"CREDITSYS_ENV is {CREDITSYS_ENV!r}: use 'demo' or 'production'.")
PRODUCTION = CREDITSYS_ENV == "production"
DATA_DIR = BASE_DIR / env.str("CREDITSYS_DATA_DIR", default=".run")
DEBUG = env.bool("DEBUG", default=False) and not PRODUCTION


def demo_secret(name: str, value: str) -> str:
    """A secret kept in the data directory, so that it survives a restart; ``value`` where there is none."""
    path = DATA_DIR / name
    try:
        return path.read_text()
    except FileNotFoundError:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
    # Written aside and linked, so that of several starting processes one wins, whole.
    with tempfile.NamedTemporaryFile("w", dir=DATA_DIR) as aside:
        aside.write(value)
        aside.flush()
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(aside.name)
    return path.read_text()


if PRODUCTION:
    SECRET_KEY = required("SECRET_KEY", "a long random string, kept secret.")
    ALLOWED_HOSTS = [
        host.strip() for host in required("ALLOWED_HOSTS", "host names, comma separated.").split(",")
    ]
    required("DATABASE_URL", "postgres://user:password@host:5432/name.")
    SIGNING_KEY = required("SIGNING_KEY", "64 hexadecimal digits, kept secret: openssl rand -hex 32.")
else:
    SECRET_KEY = env.str("SECRET_KEY", default="") or demo_secret("secret_key", secrets.token_urlsafe(50))
    SIGNING_KEY = env.str("SIGNING_KEY", default="") or demo_secret("signing_key", secrets.token_hex(32))
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "testserver"])

CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "import_export",
    "pgtrigger",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django.contrib.postgres",
    "drf_spectacular",
    "oauth2_provider",
    "ratings",
    "applications",
    "applications.clients",
]

# The applications in use, by dotted path (README: Add an application).
APPLICATIONS = [
    "applications.pharmacy_lookup.application.PharmacyLookup",
    "applications.bank_loans.application.BankLoans",
    "applications.enterprise_credit.application.EnterpriseCredit",
]
# Those of other packages can be named in the environment.
APPLICATIONS += env.list("MORE_APPLICATIONS", default=[])
APPLICATION_PACKAGES = [path.rsplit(".", 2)[0] for path in APPLICATIONS]
INSTALLED_APPS += APPLICATION_PACKAGES

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # before WhiteNoise, which compresses nothing in the demo
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "ratings.admin.middleware.OnRecord",
    "ratings.admin.middleware.SessionsEnd",
    "ratings.admin.middleware.TwoFactor",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "creditsys.urls"
WSGI_APPLICATION = "creditsys.wsgi.application"

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
            ],
        },
    },
]

# Database: DATABASE_URL, or the project's own embedded PostgreSQL.
if env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db_url("DATABASE_URL")}
else:
    from creditsys.embedded_postgres import connection_settings

    DATABASES = {"default": {**connection_settings()}}
DATABASES["default"].setdefault("CONN_MAX_AGE", env.int("CONN_MAX_AGE", default=60))
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]


def positive(name: str, default: int) -> int:
    """A whole number above zero from the environment; ImproperlyConfigured for another."""
    value = int(env.int(name, default=default))
    if value < 1:
        raise ImproperlyConfigured(f"{name} is {value}: use a whole number above 0.")
    return value


# Failed sign-ins lock a user name at the address that tried it, for a while.
SIGN_IN_FAILURES = positive("SIGN_IN_FAILURES", 5)
AXES_FAILURE_LIMIT = SIGN_IN_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=positive("SIGN_IN_LOCK_MINUTES", 15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# The lock ends when the page said that it would, however often somebody tries meanwhile.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "creditsys.addresses.client_address"
AXES_LOCKOUT_CALLABLE = "ratings.admin.sign_in.locked_out"
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True  # sign-ins stand in our own audit record
AXES_VERBOSE = False

# A second factor (TOTP) for staff: demanded, or offered.
REQUIRE_TWO_FACTOR = env.bool("REQUIRE_TWO_FACTOR", default=PRODUCTION)
OTP_TOTP_ISSUER = "医保信用评价"

# Sessions of staff end after idle minutes, at the latest after so many hours, and with the browser.
SESSION_IDLE = timedelta(minutes=positive("SESSION_IDLE_MINUTES", 30))
SESSION_LONGEST = timedelta(hours=positive("SESSION_MAX_HOURS", 12))
SESSION_COOKIE_AGE = int(SESSION_LONGEST.total_seconds())
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# The admin speaks Chinese whatever the browser asks for, hence no LocaleMiddleware.
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "creditsys" / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "creditsys" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
# Uploaded files are evidence: kept outside the web root, served only by views with rights.
MEDIA_ROOT = Path(env.str("CREDITSYS_FILES_DIR", default=str(DATA_DIR / "files")))
FILE_UPLOAD_PERMISSIONS = 0o600
# The largest file of evidence.
EVIDENCE_MAX_MB = positive("EVIDENCE_MAX_MB", 10)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# Jobs: Celery workers on Redis; without a broker, tasks run inline.
REDIS_URL = env.str("REDIS_URL", default="")
CELERY_BROKER_URL = REDIS_URL or "memory://localhost/"
CELERY_TASK_ALWAYS_EAGER = not REDIS_URL
CELERY_TASK_EAGER_PROPAGATES = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    "rate the periods that are due": {
        "task": "ratings.rate_due_periods",
        "schedule": crontab(hour=3, minute=0),
    },
    "propose interim changes of published grades": {
        "task": "ratings.find_interim",
        "schedule": crontab(hour=4, minute=0),
    },
}
# A run of a national set takes minutes; a task is given back only after this time.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600}

CELERY_BEAT_SCHEDULE["remove expired tokens of clients"] = {
    "task": "clients.clear_tokens",
    "schedule": crontab(hour=2, minute=30),
}
# Applications add what they declare (applications/apps.py).

# Counts of requests. Without Redis each process counts for itself.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A request does not wait for it longer than this, seconds.
        "OPTIONS": {"socket_connect_timeout": 0.25, "socket_timeout": 0.25},
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        # of addresses that asked within the last minutes
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
# How many requests an address may send to the public API in a minute.
API_REQUESTS_A_MINUTE = positive("API_REQUESTS_A_MINUTE", 120)

# Programs of banks and departments sign in with client credentials (OAuth 2.0) and nothing else.
OAUTH2_PROVIDER_APPLICATION_MODEL = "clients.Client"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth2_provider.AccessToken"  # noqa: S105 -- a model
OAUTH2_PROVIDER = {
    "OAUTH2_SERVER_CLASS": "oauthlib.oauth2.BackendApplicationServer",
    "OAUTH2_VALIDATOR_CLASS": "applications.clients.oauth.Validator",
    "SCOPES_BACKEND_CLASS": "applications.clients.oauth.Scopes",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    # the security practice of RFC 9700; tokens are kept as hashes
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
}
# How many requests a client may send in a minute.
CLIENT_REQUESTS_A_MINUTE = positive("CLIENT_REQUESTS_A_MINUTE", 600)
# The header in which the reverse proxy passes on a client's certificate: RFC 9440 or URL-encoded PEM. Only where
# TRUSTED_PROXIES says that there is one; it must take the header away from what comes in.
CLIENT_CERTIFICATE_HEADER = env.str("CLIENT_CERTIFICATE_HEADER", default="")
# Answers to programs are signed with this key (the seed of an Ed25519 key); by default one that follows from
# SIGNING_KEY. Public keys that signed before it, or will, stand in API_TRUSTED_KEYS.
API_SIGNING_KEY = env.str("API_SIGNING_KEY", default="") or derived_key("api", SIGNING_KEY)
API_TRUSTED_KEYS = env.list("API_TRUSTED_KEYS", default=[])
# Private networks (CIDR) that messages to banks may be delivered to; none by default.
WEBHOOK_PRIVATE_NETWORKS = env.list("WEBHOOK_PRIVATE_NETWORKS", default=[])

REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "applications.api.problems.handler",
    "URL_FORMAT_OVERRIDE": None,  # applications.api.negotiation reads it
    "UNAUTHENTICATED_USER": None,
}

# The description of all APIs, at /api/v1/schema/.
SPECTACULAR_SETTINGS = {
    "TITLE": "定点零售药店信用评价接口 API of pharmacies' credit grades",
    "DESCRIPTION": (
        "**公众**：查询定点零售药店及其已公布的信用等级，无需登记。**银行**：符合贷款产品条件的药店名单及其变动，"
        "须用客户端凭证（OAuth 2.0）取得访问令牌；每个答复都签名（RFC 9421，公钥见 /api/v1/jwks/），每次调用都记录在案。"
        "**政府部门**：写明用途查询企业信用、核查名单、报送信用信息，凭证和签名同上。\n\n"
        "**Everybody**: designated pharmacies and their published credit grades, open to all. **Banks**: the pharmacies"
        " eligible for a loan product and every change of that list, with an access token by client credentials"
        " (OAuth 2.0); each answer is signed (RFC 9421, public keys at /api/v1/jwks/), each call is put on record."
        " **Departments**: the credit of enterprises for a stated purpose, checks of lists, supply of credit records;"
        " tokens and signatures as for banks.\n\n"
        "出错时按 RFC 9457 答复，中英文并列。Errors are told as RFC 9457 has it, in Chinese and English."
    ),
    "TAGS": [
        {"name": "pharmacies", "description": "公众查询 Open to everybody"},
        {"name": "bank", "description": "银行 For programs of banks"},
        {"name": "department", "description": "政府部门 For programs of departments"},
        {"name": "keys", "description": "验证签名的公钥 Public keys of signatures"},
    ],
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [],  # choices stand where they belong
}

# The city that this installation serves, and the scheme that rates it.
CITY_NAME = env.str("CITY_NAME", default="绍兴市")
DEFAULT_SCHEME = env.str("DEFAULT_SCHEME", default="shaoxing-style")
# How long the periods are that are rated by themselves once due: 1, 3, 6 or 12 months.
RATING_PERIOD_MONTHS = env.int("RATING_PERIOD_MONTHS", default=6)
if RATING_PERIOD_MONTHS not in {1, 3, 6, 12}:
    raise ImproperlyConfigured(f"RATING_PERIOD_MONTHS is {RATING_PERIOD_MONTHS}: use 1, 3, 6 or 12.")
# How many working days a preliminary rating stands under public notice, and the legal terms.
NOTICE_WORKING_DAYS = env.int("NOTICE_WORKING_DAYS", default=5)
if not 1 <= NOTICE_WORKING_DAYS <= 60:
    raise ImproperlyConfigured(f"NOTICE_WORKING_DAYS is {NOTICE_WORKING_DAYS}: use 1 to 60.")
TERMS_FILE = Path(env.str("TERMS_FILE", default=str(BASE_DIR / "ratings" / "rules" / "terms.toml")))
# Where residents report what a pharmacy did, as its page says it.
COMPLAINT_CONTACT = env.str("COMPLAINT_CONTACT", default="全国医疗保障服务热线 12393")
# The site's own address, for QR codes and open data: https://credit.example.org. Empty: as it was asked for.
SITE_URL = env.str("SITE_URL", default="").rstrip("/")

# On which terms published lists may be used, as pages and files say it; and the largest file that the
# verification page takes.
OPEN_DATA_LICENCE = env.str(
    "OPEN_DATA_LICENCE",
    default="可免费复制、传播和使用，包括商业使用；须注明来源和发布日期，不得改动后仍称为原数据。",
)
VERIFY_MAX_MB = positive("VERIFY_MAX_MB", 100)

# A map behind the pins, none by default: the address of its tiles, {z}/{x}/{y}, and the datum they are drawn in
# (wgs84 or cgcs2000 for Tianditu, gcj02 for Amap). It is the only thing that pages ask another server for.
MAP_TILES = env.str("MAP_TILES", default="")
MAP_TILES_DATUM = env.str("MAP_TILES_DATUM", default="wgs84")
MAP_TILES_CREDIT = env.str("MAP_TILES_CREDIT", default="")
if MAP_TILES_DATUM not in {"wgs84", "cgcs2000", "gcj02"}:
    raise ImproperlyConfigured(f"MAP_TILES_DATUM is {MAP_TILES_DATUM!r}: use wgs84, cgcs2000 or gcj02.")
_tiles = re.match(r"https://[^/\s;,'\"]+", MAP_TILES)
if MAP_TILES and not _tiles:
    raise ImproperlyConfigured("MAP_TILES is no https address: https://example.org/{z}/{x}/{y}.png")
#: allowed by the pages' content security policy
MAP_TILES_ORIGIN = _tiles[0] if _tiles else ""

# Who issues documents and is to be asked, as documents and pages name it.
OFFICE_NAME = env.str("OFFICE_NAME", default=f"{CITY_NAME}医疗保障经办机构")
# The font of PDF documents (TrueType). Another is needed where a name has a character that this one lacks.
PDF_FONT = env.str("PDF_FONT", default=str(BASE_DIR / "creditsys" / "fonts" / "NotoSansSC-Regular.ttf"))
# With which key PDF documents are signed (PAdES): a PKCS #12 file and its password. Without one they are not.
PDF_SIGNING_FILE = env.str("PDF_SIGNING_FILE", default="")
PDF_SIGNING_PASSWORD = env.str("PDF_SIGNING_PASSWORD", default="")

# Where objections are taken in, as the public notice says it: office, address, telephone.
OBJECTION_CONTACT = env.str("OBJECTION_CONTACT", default="")

# Publications are signed with SIGNING_KEY (the seed of an Ed25519 key); the public keys of those
# that signed before it are trusted too.
TRUSTED_KEYS = env.list("TRUSTED_KEYS", default=[])
for name, keys in (
    ("SIGNING_KEY", [SIGNING_KEY]),
    ("TRUSTED_KEYS", TRUSTED_KEYS),
    ("API_SIGNING_KEY", [API_SIGNING_KEY]),
    ("API_TRUSTED_KEYS", API_TRUSTED_KEYS),
):
    if not all(re.fullmatch("[0-9a-f]{64}", key) for key in keys):
        raise ImproperlyConfigured(f"{name} is not made of 64 lower-case hexadecimal digits a key.")

# Reverse proxies before the application: whose X-Forwarded-For entries are believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
if PRODUCTION:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        # Sign-ins stand in the audit record.
        "axes": {"level": "ERROR"},
        # It tells tokens at DEBUG.
        "oauthlib": {"level": "INFO"},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
}
