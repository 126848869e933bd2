"""The settings of the public door."""

from __future__ import annotations

from pathlib import Path

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_DOOR", "haproxy", "door", "haproxy"),
    ("PB_DOOR", "builtin", "door", "builtin"),
    ("PB_DOMAIN", "pb.example.com", "domain", "pb.example.com"),
    ("PB_DOOR_HOST", "0.0.0.0", "door_host", "0.0.0.0"),
    ("PB_DOOR_PORT", "443", "door_port", 443),
    ("PB_DOOR_CERTIFICATE", "/etc/door.pem", "door_certificate", Path("/etc/door.pem")),
    ("PB_DOOR_SUPERUSERS", "allow", "door_superusers", "allow"),
    ("PB_DOOR_REQUESTS", "1", "door_requests", 1),
    ("PB_DOOR_CONNECTIONS", "1", "door_connections", 1),
    ("PB_DOOR_WAKES", "1", "door_wakes", 1),
    ("PB_DOOR_BODY_MIB", "1", "door_body_mib", 1),
    ("PB_HAPROXY_PATH", "/usr/sbin/haproxy", "haproxy_path", "/usr/sbin/haproxy"),
    ("PB_WAKE_PORT", "3001", "wake_port", 3001),
]
BAD: list[tuple[str, str]] = [
    ("PB_WAKE_PORT", "0"),
    ("PB_DOOR", "caddy"),
    ("PB_DOMAIN", "Example.com"),
    ("PB_DOMAIN", ".example.com"),
    ("PB_DOMAIN", "a b"),
    ("PB_DOOR_HOST", "  "),
    ("PB_DOOR_PORT", "0"),
    ("PB_DOOR_CERTIFICATE", "  "),
    ("PB_HAPROXY_PATH", "  "),
    ("PB_DOOR_SUPERUSERS", "some"),
    ("PB_DOOR_REQUESTS", "0"),
    ("PB_DOOR_CONNECTIONS", "0"),
    ("PB_DOOR_WAKES", "0"),
    ("PB_DOOR_BODY_MIB", "0"),
]
