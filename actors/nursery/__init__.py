"""Data directories that are made before anybody needs them."""
