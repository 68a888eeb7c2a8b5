"""One trace for each slide, from the scan on the share to the acknowledgement (docs/decisions/0013-traces.md).

    span, focus   services.kit.tracing.current   what service code calls while it handles something
    Tracing       services.kit.tracing.tracer    the spans of a process, by service; and its logs' ids
    open_tracing  services.kit.tracing.opening   with an exporter where the settings name an endpoint

The trace's id and its root's are derived from the slide's id, so work that waited in a database, or for a new start,
goes on in the same trace, and nothing is stored for it.
"""
