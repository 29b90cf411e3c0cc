"""What a deployment is told, from a file and from the command line.

Invariant: an error is one line that names the setting, what is wrong with it and what is allowed.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST_REGIONS = 4
EDGE_REGION = "us-east-1"

# Of CELLAR_MAX_RADIUS_M: its default, and half the globe. A check compares both with the API's contract.
MAX_RADIUS_M = 200_000
MOST_MAX_RADIUS_M = 20_015_115
# The parameter of all templates that know it.
MAX_RADIUS_PARAMETER = "MaxRadiusM"

PATTERNS = {
    "name": (r"[a-z][a-z0-9-]{1,19}", "2 to 20 of a-z, 0-9 and -, the first a letter"),
    "domain": (r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]+", "a domain such as places.example.com"),
    "zone": (r"Z[A-Z0-9]{1,31}", "the id of a hosted zone, such as Z0123456789ABC"),
    "email": (r"[^@\s]+@[^@\s]+", "an e-mail address"),
    "edge_certificate": (
        r"arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[\w-]+",
        "the ARN of a certificate in us-east-1",
    ),
}
# Settings that come together. Without them the distribution has the name that AWS gives it.
OF_A_DOMAIN = ("domain", "zone", "edge_certificate")
REGION = r"[a-z]{2}(-[a-z]+)+-\d"
CERTIFICATE = r"arn:aws[a-z-]*:acm:{region}:\d{{12}}:certificate/[\w-]+"


# Where infra/package/package.sh puts the worker's code.
IMPORTER = Path("target/lambda/importer/bootstrap.zip")


class ConfigError(Exception):
    """A setting that cannot be used."""


@dataclass(frozen=True)
class Config:
    """A deployment. The first region is home: the table's stack, backups and purges live there.

    Without a domain it is the smallest one: one region behind the distribution's own name, by itself without cache and canary.
    Imports are there where they are asked for.
    """

    name: str
    domain: str
    zone: str
    email: str
    regions: tuple[str, ...]
    edge_certificate: str
    certificates: dict[str, str]
    code: Path
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    max_radius_m: int = MAX_RADIUS_M
    cache: bool = True
    canary: bool = True
    imports: bool = False
    importer: Path = IMPORTER

    @property
    def home(self) -> str:
        return self.regions[0]

    def after(self, region: str) -> str:
        """The region that serves when this one does not; itself if it is alone."""
        return self.regions[(self.regions.index(region) + 1) % len(self.regions)]


def read(path: Path | None, given: dict[str, Any]) -> Config:
    """Settings of the file, those of the command line in their place."""
    values: dict[str, Any] = {
        "name": "cellar",
        "certificates": {},
        "settings": {},
        "max_radius_m": MAX_RADIUS_M,
    }
    if path is not None:
        values |= _file(path)
    values |= {key: value for key, value in given.items() if value}
    named = bool(values.get("domain"))
    if not named:
        values |= {key: values.get(key) or "" for key in OF_A_DOMAIN}
    by_itself: dict[str, Any] = {"cache": named, "canary": named, "imports": False, "importer": IMPORTER}
    values = by_itself | values
    _check(values)
    regions = tuple(values["regions"])
    known = set(Config.__dataclass_fields__)
    return Config(
        **{
            key: value
            for key, value in values.items()
            if key in known - {"regions", "code", "importer", "max_radius_m"}
        },
        regions=regions,
        code=Path(values["code"]),
        importer=Path(values["importer"]),
        max_radius_m=int(values["max_radius_m"]),
    )


def _file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    unknown = set(values) - set(Config.__dataclass_fields__)
    if unknown:
        allowed = ", ".join(sorted(Config.__dataclass_fields__))
        raise ConfigError(f"{path} has `{sorted(unknown)[0]}`, which is no setting; allowed: {allowed}")
    return values


def _check(values: dict[str, Any]) -> None:
    missing = [key for key in Config.__dataclass_fields__ if key not in values]
    if missing:
        raise ConfigError(
            f"`{missing[0]}` is not set; give --{missing[0].replace('_', '-')} or set it in the file of --config"
        )
    for key in ("cache", "canary", "imports"):
        if not isinstance(values[key], bool):
            raise ConfigError(f"{key} is {values[key]!r}; allowed: true, false")
    named = bool(values["domain"])
    for key in [key for key in OF_A_DOMAIN if values[key] and not named]:
        raise ConfigError(f"{key} is set and domain is not; set both, or neither for the smallest deployment")
    for key, (pattern, allowed) in PATTERNS.items():
        if (named or key not in OF_A_DOMAIN) and not re.fullmatch(pattern, str(values[key])):
            raise ConfigError(f"{key} is {values[key]!r}; allowed: {allowed}")
    _check_max_radius(str(values["max_radius_m"]), values["settings"])
    _check_regions(list(values["regions"]), values["certificates"], named=named)


def _check_max_radius(given: str, settings: dict[str, dict[str, str]]) -> None:
    """One value for all: a CDN that takes less or more than the regions would refuse what they answer, or the reverse."""
    if not re.fullmatch(r"[1-9][0-9]{0,7}", given) or int(given) > MOST_MAX_RADIUS_M:
        raise ConfigError(f"max_radius_m is {given!r}; allowed: whole metres from 1 to {MOST_MAX_RADIUS_M}")
    for template, parameters in settings.items():
        if MAX_RADIUS_PARAMETER in parameters:
            raise ConfigError(
                f"{template}.{MAX_RADIUS_PARAMETER} cannot be set by itself; allowed: max_radius_m, for all templates"
            )


def _check_regions(regions: list[str], certificates: dict[str, str], *, named: bool) -> None:
    if not 1 <= len(regions) <= MOST_REGIONS or len(set(regions)) != len(regions):
        raise ConfigError(f"regions is {regions}; allowed: 1 to {MOST_REGIONS} different ones")
    for region in regions:
        if not re.fullmatch(REGION, region):
            raise ConfigError(f"regions has {region!r}; allowed: names of AWS regions, such as eu-west-1")
        if not named and len(regions) > 1:
            raise ConfigError(
                f"regions is {regions}; allowed without a domain: one, for a domain leads users to the nearest"
            )
        if not named:
            continue
        if region not in certificates:
            raise ConfigError(
                f"certificates has none for {region}; give --certificate {region}=ARN, a certificate for *.<domain>"
            )
        if not re.fullmatch(CERTIFICATE.format(region=region), certificates[region]):
            raise ConfigError(
                f"the certificate of {region} is {certificates[region]!r}; allowed: the ARN of one in that region"
            )
