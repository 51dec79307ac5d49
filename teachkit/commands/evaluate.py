"""`evaluate`: a saved run's scores on one split."""

import argparse
import json

from teachkit.errors import UserError, one_line


def run(arguments: argparse.Namespace) -> int:
    from teachkit.feed.formats.layout import same_split
    from teachkit.feed.loader import load_data
    from teachkit.learn.checkpoint import load_model
    from teachkit.learn.guard import NotFiniteError
    from teachkit.learn.validation import evaluate

    model = load_model(arguments.weights, device=arguments.device)
    data = load_data(
        arguments.data,
        arguments.split,
        image_size=model.image_size,
        device=model.device,
        augment=False,
        shuffle=False,
        divide=same_split(arguments.split) == "val",
        classes=model.classes,
    )
    try:
        measured = evaluate(model, data)
    except NotFiniteError:
        raise UserError(
            f"{arguments.weights}: its weights answer NaN or infinity: take another state, or train again"
        ) from None
    assert measured is not None  # nothing stops it half-way here
    scores = measured[0]
    if arguments.json:
        print(json.dumps(scores.as_dict(), allow_nan=False))
        return 0
    print(one_line(f"{arguments.data}, split {arguments.split}: {len(data.names)} pictures"))
    rows = {"all": scores, **{one_line(name): row for name, row in scores.per_class.items()}}
    width = max(map(len, rows))
    print(f"{'':{width}}  {'map':>6} {'map50':>6} {'map75':>6}")
    for name, row in rows.items():
        print(f"{name:{width}}  " + " ".join(f"{value:6.3f}" for value in (row.map, row.map50, row.map75)))
    return 0
