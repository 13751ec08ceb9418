"""joinwatch: an observability proxy that explains why people cannot join embedded Zoom meetings."""

__version__ = "0.1.0"
