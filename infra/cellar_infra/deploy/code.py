"""The function's code: a zip with `bootstrap` for the architecture that the function will have.

The wrong one would be noticed by CodeDeploy's check before traffic, twenty minutes later, or on a first deployment by users.
"""

from __future__ import annotations

import hashlib
import zipfile

from cellar_infra.deploy.config import Config, ConfigError

# e_machine of the ELF header (System V ABI, and its supplements for both).
MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}
DEFAULT_ARCHITECTURE = "arm64"
# Lambda's limit of a package that is not unzipped ("Lambda quotas": 250 MB unzipped, 50 MB zipped when it is uploaded directly).
MOST_BYTES = 50 << 20


def checked_hash(config: Config, program: str = "code") -> str:
    """The SHA-256 of a program's code, if it can be that of its function."""
    path, template = (config.importer, "imports") if program == "importer" else (config.code, "function")
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(path) as package, package.open("bootstrap") as binary:
            header = binary.read(20)
    except OSError as error:
        raise ConfigError(
            f"cannot read the code {path}: {error.strerror}; infra/package/package.sh builds it"
        ) from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise ConfigError(f"the code {path} is no zip with `bootstrap`; infra/package/package.sh builds it") from error
    found = MACHINES.get(int.from_bytes(header[18:20], "little")) if header[:4] == b"\x7fELF" else None
    wanted = config.settings.get(template, {}).get("Architecture", DEFAULT_ARCHITECTURE)
    if found != wanted:
        raise ConfigError(
            f"the code {path} is for {found or 'no machine that is known'}, the function for {wanted}; build it for that or set {template}.Architecture"
        )
    if len(content) > MOST_BYTES:
        raise ConfigError(f"the code {path} has {len(content)} bytes; allowed: {MOST_BYTES}")
    return hashlib.sha256(content).hexdigest()
