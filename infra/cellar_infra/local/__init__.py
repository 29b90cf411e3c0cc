"""Several regions on one machine: for trying failover, not for measuring speed.

Each region is `cellar serve` with a table of its own (the embedded engine) and its own redis-server. What stands in for AWS: `replicate` for a
global table, `front` for Route 53 and CloudFront's origin group. All are on loopback, so distances are not emulated.
"""
