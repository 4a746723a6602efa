"""The markers that make a function a hook, or an implementation of one."""

from __future__ import annotations

import pluggy

hookspec = pluggy.HookspecMarker("clearfw")

hookimpl = pluggy.HookimplMarker("clearfw")
