"""The settings of the live status."""

from __future__ import annotations

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_LIVE_PORT", "4001", "live_port", 4001),
    ("PB_LIVE_PORT", "off", "live_port", None),
    ("PB_API_PORT", "4000", "live_port", 4001),
    ("PB_API_PORT", "65535", "live_port", 65_534),
    ("PB_LIVE_URL", "wss://pblm.example/ws/status", "live_url", "wss://pblm.example/ws/status"),
    ("PB_LIVE_URL", "ws://[::1]:8080/ws/status", "live_url", "ws://[::1]:8080/ws/status"),
]
BAD: list[tuple[str, str]] = [
    ("PB_LIVE_PORT", "0"),
    ("PB_LIVE_PORT", "65536"),
    ("PB_LIVE_PORT", "on"),
    ("PB_LIVE_PORT", "3000"),  # the API's own
    ("PB_LIVE_URL", "https://pblm.example/ws/status"),
    ("PB_LIVE_URL", "wss:///ws/status"),
    ("PB_LIVE_URL", "wss://pblm.example/ws/status?token=x"),
    ("PB_LIVE_URL", "wss://pblm.example/; script-src *"),
    ("PB_LIVE_URL", "wss://pblm.example:port/"),
    ("PB_LIVE_URL", "wss://päblm.example/"),
]
