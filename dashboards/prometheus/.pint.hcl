# For `pint --offline lint rules`, in this folder.

checks {
  disabled = [
    # Alerts and the series that they rest on are in groups of their own, of 15 s each: a round later is soon enough.
    "rule/dependency",
  ]
}
