"""The source of dashboards/grafana/*.json; `python -m dashboards.source` writes them. For development only."""
