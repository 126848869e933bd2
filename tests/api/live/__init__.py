"""Live status over WebSocket."""
