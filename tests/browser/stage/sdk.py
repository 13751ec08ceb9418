"""Zoom's SDKs for web as npm installs them, once per lock file, in a folder that git ignores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support import npm

_LISTED: Final = Path(__file__).parents[1] / "sdk"
_FILES: Final = (".npmrc", "package.json", "package-lock.json")


@dataclass(frozen=True, slots=True)
class Sdk:
    """Where the packages are; `node_modules` is what an application that uses both versions would have."""

    node_modules: Path

    def dist(self, version: str) -> Path:
        """What the package of this version ships to browsers."""
        return self.node_modules / _PACKAGES[version] / "dist"

    def cdn_file(self, path: str) -> Path | None:
        """The file that Zoom's CDN serves at this path; None where it has none."""
        for version, package in _PACKAGES.items():
            dist = self.node_modules / package / "dist"
            names = {
                f"/zoom-meeting-{version}.min.js": dist / f"zoom-meeting-{version}.min.js",
                f"/zoom-meeting-embedded-{version}.min.js": dist / "zoom-meeting-embedded-ES5.min.js",
            }
            # Zoom's own pages ask for them with the version's folder in front, and without.
            if (name := path.removeprefix(f"/{version}")) in names:
                return names[name]
            vendor = self._vendor(package, path.removeprefix(f"/{version}/lib/vendor/"))
            for found in (vendor, dist / path.removeprefix(f"/{version}/")):
                if path.startswith(f"/{version}/") and found is not None and found.is_file():
                    return found if found.resolve().is_relative_to(self.node_modules) else None
        return None

    def esbuild(self) -> Path:
        """The bundler's own command."""
        return self.node_modules / "esbuild" / "bin" / "esbuild"

    def _vendor(self, package: str, name: str) -> Path | None:
        """2.8.0 does not ship the libraries that its pages load: they are those that npm installed for it."""
        inside = _VENDOR.get(name)
        if inside is None:
            return None
        own = self.node_modules / package / "node_modules" / inside
        return own if own.is_file() else self.node_modules / inside


_PACKAGES: Final = {"6.2.0": "@zoom/meetingsdk", "2.8.0": "@zoomus/websdk"}
_VENDOR: Final = {
    "react.min.js": "react/umd/react.production.min.js",
    "react-dom.min.js": "react-dom/umd/react-dom.production.min.js",
    "redux.min.js": "redux/dist/redux.min.js",
    "redux-thunk.min.js": "redux-thunk/dist/redux-thunk.min.js",
    "lodash.min.js": "lodash/lodash.min.js",
}

VERSIONS: Final = tuple(_PACKAGES)


def installed() -> Sdk:
    """The packages of this folder's lock file."""
    return Sdk(npm.installed(_LISTED, _FILES, "sdk"))
