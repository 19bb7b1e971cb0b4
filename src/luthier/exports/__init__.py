"""Folders that other people's software runs: adapters, merged models, a Space, a container; each with a certificate."""
