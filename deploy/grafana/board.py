"""What an operator of Frottis sees: the promise first, then where slides are, then what may be in the way."""

from panels import PLAIN, Panel, Query, Row, Steps, Words

OBJECTIVE = (("red", None), ("orange", 0.98), ("green", 0.99))
MINUTES_30 = (("green", None), ("orange", 1200.0), ("red", 1800.0))
MINUTES_15 = (("green", None), ("orange", 600.0), ("red", 900.0))
NONE_IS_GOOD = (("green", None), ("orange", 1.0))
NONE_ALLOWED = (("green", None), ("red", 1.0))


def _glance(
    title: str, text: str, expr: str, unit: str = "short", steps: Steps = PLAIN, words: Words | None = None
) -> Panel:
    """One number, in a small panel."""
    queries = [Query(expr)]
    return Panel(title, text, queries, kind="stat", unit=unit, width=4, height=4, steps=steps, words=words or {})


GLANCE = Row(
    "At a glance",
    [
        _glance(
            "Promise kept, 28 days",
            "Share of reports and notices that the LIS acknowledged in time. The objective is 99 %.",
            'frottis:promise_kept:ratio28d{priority="all"}',
            unit="percentunit",
            steps=OBJECTIVE,
        ),
        _glance(
            "Promise kept, 24 hours",
            "The same for the last day.",
            'frottis:promise_kept:ratio1d{priority="all"}',
            unit="percentunit",
            steps=OBJECTIVE,
        ),
        _glance(
            "95 of 100 reports within, 24 hours",
            "Scan complete to acknowledged by the LIS. Promised are 30 minutes.",
            'frottis:scan_to_acknowledged_seconds:p95_1d{priority="all"}',
            unit="s",
            steps=MINUTES_30,
        ),
        _glance(
            "The same, STAT",
            "Promised are 15 minutes.",
            'frottis:scan_to_acknowledged_seconds:p95_1d{priority="stat"}',
            unit="s",
            steps=MINUTES_15,
        ),
        _glance(
            "Oldest slide waiting",
            "Since its scan was complete. `frottis status` names it. It may wait for its order.",
            "frottis:oldest_waiting_age_seconds:max",
            unit="s",
            steps=(("green", None), ("orange", 1500.0), ("red", 1800.0)),
        ),
        _glance(
            "Waiting for the LIS",
            "Messages that are sent and not yet acknowledged.",
            "frottis:outbox_messages:max",
            steps=(("green", None), ("orange", 3.0), ("red", 10.0)),
        ),
        _glance(
            "Slides under way",
            "Being read, or sent.",
            "frottis:slides_under_way:sum",
        ),
        _glance(
            "Dead letters",
            "Messages that could not be handled and wait for a person: `frottis dead-letters list`.",
            "sum(frottis:dead_letters:max)",
            steps=NONE_IS_GOOD,
        ),
        _glance(
            "Models",
            "Whether an analysis worker can use the models.",
            "max(frottis_models_ready)",
            steps=(("red", None), ("green", 1.0)),
            words={"0": ("not ready", "red"), "1": ("ready", "green")},
        ),
        _glance(
            "Services down",
            "Services of which no process answers.",
            "count(frottis:service:expected unless on (service) "
            'label_replace(up == 1, "service", "$1", "job", "(.*)")) or vector(0)',
            steps=NONE_ALLOWED,
        ),
        Panel(
            "Alerts",
            "What fires now. docs/runbook.md says what to do about each.",
            [Query('group by (severity, alertname, service, topic) (ALERTS{alertstate="firing"})')],
            kind="table",
            width=8,
            height=4,
        ),
    ],
)

SLIDES = Row(
    "Slides",
    [
        Panel(
            "Now, by state",
            "Waiting: incomplete, not yet still, or without an order. Sending: on its way to the LIS.",
            [Query('frottis:slides:max{state=~"waiting|reading|sending"}', "{{state}}")],
            kind="bargauge",
        ),
        Panel(
            "Ended in the last 24 hours",
            "Held: a person must look. Refused: the scan cannot be read.",
            [
                Query(
                    'frottis:slides:max{state=~"acknowledged|held|refused"}'
                    ' - frottis:slides:max{state=~"acknowledged|held|refused"} offset 1d',
                    "{{state}}",
                )
            ],
            kind="bargauge",
        ),
        Panel(
            "Held and refused, by reason, 24 hours",
            "One reason on most of them points at staining, the scanner or a rule, not at patients.",
            [
                Query(
                    "topk(12, sum by (outcome, reason) "
                    '(increase(frottis_slides_ended_total{outcome!="acknowledged"}[1d])) > 0)',
                    "{{outcome}}: {{reason}}",
                )
            ],
            kind="bargauge",
        ),
        Panel("Under way", "By state.", [Query('frottis:slides:max{state=~"waiting|reading|sending"}', "{{state}}")]),
        Panel(
            "Oldest slide waiting",
            "Above the line its promise is broken, unless it waits for its order.",
            [Query("frottis:oldest_waiting_age_seconds:max", "age")],
            unit="s",
            steps=(("green", None), ("red", 1800.0)),
        ),
        Panel(
            "Missed deadlines, per hour",
            "Reports that were not acknowledged in time, at the moment of their deadline.",
            [Query("sum by (priority) (increase(frottis_deadlines_missed_total[1h]))", "{{priority}}")],
            bars=True,
        ),
    ],
)

LATENCY = Row(
    "Latency",
    [
        Panel(
            "Scan complete to acknowledged, last hour",
            "Half of the reports, and 95 of 100, were faster than this.",
            [
                Query("frottis:scan_to_acknowledged_seconds:p50_1h", "half, {{priority}}"),
                Query("frottis:scan_to_acknowledged_seconds:p95_1h", "95 %, {{priority}}"),
            ],
            unit="s",
            steps=(("green", None), ("red", 1800.0)),
        ),
        Panel(
            "By stage, 95 of 100, last hour",
            "Time from the stage before to the one named. The one that grew is where to look.",
            [Query("frottis:stage_seconds:p95_1h", "{{stage}}")],
            unit="s",
        ),
        Panel(
            "Promise kept, 24 hours before each moment",
            "Below the line the objective is missed.",
            [Query("frottis:promise_kept:ratio1d", "{{priority}}")],
            unit="percentunit",
            steps=(("red", None), ("green", 0.99)),
        ),
    ],
)

QUEUES = Row(
    "Queues",
    [
        Panel(
            "Waiting messages",
            "Before which service they pile up is where to look.",
            [Query("frottis:queue_messages:max > 0", "{{service}} < {{topic}}")],
        ),
        Panel(
            "Time until empty",
            "If nothing more comes. Nothing is shown for a queue of which nothing is handled.",
            [Query("frottis:queue_drain_seconds > 0", "{{service}} < {{topic}}")],
            unit="s",
            steps=(("green", None), ("red", 900.0)),
        ),
        Panel(
            "Handled",
            "Messages each second.",
            [Query("frottis:messages_handled:rate5m > 0", "{{service}} < {{topic}}")],
            unit="cps",
        ),
        Panel(
            "Tried again, per 15 minutes",
            "Something that a service needs was away: its log says what.",
            [
                Query(
                    'sum by (service, topic) (increase(frottis_messages_total{outcome="retried"}[15m])) > 0',
                    "{{service}} < {{topic}}",
                )
            ],
            bars=True,
        ),
        Panel(
            "Dead letters",
            "Messages that wait for a person.",
            [Query("frottis:dead_letters:max > 0", "{{service}} < {{topic}}")],
        ),
        Panel(
            "Time for one batch, 95 of 100",
            "How long handlers take.",
            [
                Query(
                    "histogram_quantile(0.95, "
                    "sum by (le, service, topic) (rate(frottis_handle_seconds_bucket[15m]))) >= 0",
                    "{{service}} < {{topic}}",
                )
            ],
            unit="s",
        ),
    ],
)

LIS = Row(
    "LIS",
    [
        Panel(
            "Answers, per 15 minutes",
            "AA, CA: accepted. AE, AR, CE, CR: refused. refused, closed, silent, garbage: no answer came.",
            [Query("sum by (code) (increase(frottis_acknowledgements_total[15m])) > 0", "{{code}}")],
            bars=True,
        ),
        Panel(
            "Messages waiting for the LIS",
            "It falls to 0 between slides while the LIS answers.",
            [Query("frottis:outbox_messages:max", "messages")],
        ),
        Panel(
            "Order messages, per hour, by our answer",
            "AA: taken. AE, AR: refused, and the log of the service lis says why.",
            [Query("sum by (answer) (increase(frottis_orders_total[1h])) > 0", "{{answer}}")],
            bars=True,
        ),
    ],
)

SERVICES = Row(
    "Services",
    [
        Panel("Processes that answer", "By service.", [Query("sum by (job) (up)", "{{job}}")]),
        Panel(
            "Not ready",
            "What each process waits for; /readyz says it in a sentence.",
            [Query("frottis_ready == 0")],
            kind="table",
        ),
        Panel(
            "Requests to the models, per 15 minutes",
            "Anything but answered is tried again.",
            [Query("sum by (outcome) (increase(frottis_model_requests_total[15m])) > 0", "{{outcome}}")],
            bars=True,
        ),
        Panel(
            "Time of a request to a model, 95 of 100",
            "Of the model server.",
            [
                Query(
                    "histogram_quantile(0.95, "
                    "sum by (le, model) (rate(frottis_model_request_seconds_bucket[15m]))) >= 0",
                    "{{model}}",
                )
            ],
            unit="s",
        ),
        Panel(
            "Processor cores used",
            "By service, all its processes together.",
            [Query("sum by (job) (rate(process_cpu_seconds_total[5m]))", "{{job}}")],
        ),
        Panel(
            "Memory",
            "Resident, the largest process of each service.",
            [Query("max by (job) (process_resident_memory_bytes)", "{{job}}")],
            unit="bytes",
        ),
    ],
)

ROWS = (GLANCE, SLIDES, LATENCY, QUEUES, LIS, SERVICES)
