"""How good is generated tabular data: generators, networks that judge, measures, a report."""
