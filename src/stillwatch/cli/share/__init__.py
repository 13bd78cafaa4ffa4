"""``stillwatch share``: one file per command."""

import typer

from stillwatch.cli.ondemand import on_demand

share = typer.Typer(
    help="Share what was found with other members, and read what they say.",
    cls=on_demand(
        "stillwatch.cli.share",
        init="init:init",
        draft="draft:draft",
        actors="actors:actors",
        review="review:review",
        publish="publish:publish",
        retag="retag:retag",
        pull="pull:pull",
        opinion="opinion:opinion",
        sighting="opinion:sighting",
        revoke="opinion:revoke",
        status="show:status",
        show="show:show",
        export="export:export",
        list_="show:list_",
        import_="importing:import_",
        key="key:key",
        pseudonym="pseudonym:pseudonym",
        appeal="appeal:appeal",
    ),
    no_args_is_help=True,
)
