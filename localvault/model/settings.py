"""The settings of a vault: what it is called and which limits and deletion rules hold in it.

Source: Key Vault's defaults (90 days of retention, settable from 7; values up to 25 KiB; 15 tags; rotation at least 7
days apart, expiry after at least 28). Promises: a `Settings` that `check` returned is consistent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from localvault.errors import BadParameter
from localvault.model.names import DEFAULT_SUFFIX, base_url, check_suffix, check_vault_name
from localvault.model.properties import Home

RETENTION_MIN, RETENTION_MAX = 7, 90
VALUE_BYTES_DEFAULT = 25 * 1024
VALUE_BYTES_MAX = 64 * 1024 * 1024
TAGS_DEFAULT, TAGS_MAX = 15, 1000
ROTATION_DAYS, EXPIRY_DAYS, MINIMUM_DAYS_MAX = 7, 28, 3650  # of rotation policies


class Settings(NamedTuple):
    """What `create` and `configure` can set."""

    name: str
    suffix: str = DEFAULT_SUFFIX
    retention_days: int = RETENTION_MAX
    purge_protection: bool = False
    max_value_bytes: int = VALUE_BYTES_DEFAULT
    max_tags: int = TAGS_DEFAULT
    rotation_minimum_days: int = ROTATION_DAYS
    expiry_minimum_days: int = EXPIRY_DAYS

    @property
    def home(self) -> Home:
        """What every object's properties need to know of the vault."""
        return Home(base_url(self.name, self.suffix), self.retention_days, self.purge_protection)


def make(**values: Any) -> Settings:
    """Return settings with `values` by name and the rest as they are by default.

    Raises:
        BadParameter: no such setting, or a value out of range.
    """
    unknown = values.keys() - set(Settings._fields)
    if unknown:
        raise BadParameter(
            f"there is no setting {', '.join(sorted(unknown))}",
            hint=f"there are: {', '.join(Settings._fields)}",
        )
    return check(Settings(**values))


def changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    """Return `settings` with `changes` by name.

    Raises:
        BadParameter: no such setting, a value out of range, or purge protection switched off again or made shorter.
    """
    result = make(**(settings._asdict() | changes))
    if settings.purge_protection and not result.purge_protection:
        raise BadParameter("purge protection cannot be switched off once it is on")
    if settings.purge_protection and result.retention_days < settings.retention_days:
        # A version that was retired ten days ago would go at once for whoever sets 7.
        raise BadParameter(
            f"with purge protection the retention cannot be shortened; it is {settings.retention_days} days"
        )
    return result


def check(settings: Settings) -> Settings:
    """Return `settings` if every value is within its range.

    Raises:
        BadParameter: a name, suffix, retention (7 to 90 days) or limit out of range.
    """
    check_vault_name(settings.name)
    check_suffix(settings.suffix)
    _check_range("retention_days", settings.retention_days, RETENTION_MIN, RETENTION_MAX)
    _check_range("max_value_bytes", settings.max_value_bytes, 1, VALUE_BYTES_MAX)
    _check_range("max_tags", settings.max_tags, 0, TAGS_MAX)
    _check_range("rotation_minimum_days", settings.rotation_minimum_days, 0, MINIMUM_DAYS_MAX)
    _check_range("expiry_minimum_days", settings.expiry_minimum_days, 0, MINIMUM_DAYS_MAX)
    if not isinstance(settings.purge_protection, bool):
        raise BadParameter("purge_protection is either True or False")
    return settings


def _check_range(what: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadParameter(f"{what} must be a whole number from {low} to {high}")
