"""What the alerts make of a year of honest traffic, of every fault, and of results that come late.

Traffic is made up here; what becomes of it is told by promtool with the rules as they are. Nothing here knows PromQL.
`python -m tests.dashboards.year --help` says how to run it all; docs/alerts.md has what came of it.
"""
