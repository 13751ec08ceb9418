"""What shows joinwatch to people: dashboards and their source, rules, alerts, the runbook."""
