"""``gateway.toml`` as ``stillwatch gateway init`` writes it, with a comment on each setting."""

from typing import Final

TEMPLATE: Final = """\
# What this gateway follows, where it listens, and whom it believes. See docs/reference/gateway.md
# Paths are relative to this file. What is commented out shows the default.

[source]
{source}
snapshot = "gateway.snapshot"      # what was known, for a start without the source
poll_s = {poll_s:<17}          # how often the source is asked for changes

[listen]
# host = "127.0.0.1"               # put TLS in front of anything else
# port = 8787
# workers = 1                      # each holds all decisions in memory
# grpc_port = 9797                 # Envoy's ext_authz over gRPC; needs the extra "envoy"

[tokens]
decide = "decide.token"            # of those who ask for decisions (proxies, applications)
stream = "stream.token"            # of gateways that follow this one: it names customers
metrics = "metrics.token"          # of those who read /metrics and all of /readyz only
# screen = "screen.token"          # of the sign-up service, with --screen

# How requests that Envoy or nginx pass on say who is asking. Let the proxy set these headers from
# what it has verified itself, and drop them from what clients send.
[request]
account = "x-account-id"
# key = "x-api-key-id"             # the id of an API key
# key_form = "plain"               # "sha256": the header holds the key itself, e.g. authorization
# organisation = "x-organization-id"
# ja4 = "x-ja4"
# campaign = ""
# sign_up = ""
# address = "x-forwarded-for"
# trusted_hops = 1                 # proxies of ours that append to it; 0: the header is not read
# trusted_networks = []            # where further proxies of ours stand, e.g. ["10.0.0.0/8"]

# What happens without knowledge, and with knowledge that is too old. Open: requests pass.
[fail]
# closed = []                      # scopes that are refused then, e.g. ["sign-up"]
# stale_s = 3600                   # age of knowledge that is too old

# The second guard: fresh decisions of policies that would refuse more than this are said, not done.
[breaker]
# share = 0.05                     # of the traffic
# accepted_until = 2026-11-26T15:00:00Z   # you have looked: nothing is held back until then

[throttle]
# file = "gateway.throttle"        # shared by all gateways of this machine that name it
# lease_s = 600                    # when a place nobody gives back ends; above your longest request

[stream]
# readers = 64                     # gateways that may wait for changes at a time, per worker
# wait_s = 30

[refusal]
# appeal = ""                      # told to who is refused, e.g. "https://example.com/appeals"
"""
STORE_LINE: Final = 'store = "{store}"'
UPSTREAM_LINES: Final = (
    'upstream = "{upstream}"\ntoken_file = "upstream.token"       # mode 0600: its stream token'
)
