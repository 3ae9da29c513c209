"""A page for Prometheus: of Envoy's administration it has the metrics, and nothing else."""

_TYPE = "type.googleapis.com/envoy.extensions.filters"


def listener(address, port):
    route = {"match": {"path": "/metrics", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
             "route": {"cluster": "admin", "prefix_rewrite": "/stats/prometheus"}}
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "metrics",
        "route_config": {"virtual_hosts": [{"name": "metrics", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"}}],
    }
    return {
        "name": "metrics",
        "address": {"socket_address": {"address": address, "port_value": port}},
        "enable_reuse_port": False,
        "ignore_global_conn_limit": True,  # it is looked at most when there are too many
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}],
    }


def cluster(admin):
    """`admin`: the path of the administration's socket."""
    endpoint = {"endpoint": {"address": {"pipe": {"path": admin}}}}
    return {"name": "admin", "load_assignment": {"cluster_name": "admin", "endpoints": [{"lb_endpoints": [endpoint]}]}}
