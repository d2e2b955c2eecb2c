"""`tubetap filters`: the manual of the filter language, and a check of one filter."""

import click

from recordings import filters


@click.command()
@click.argument("filter", required=False)
@click.option("--markdown", is_flag=True, help="Print the whole manual as Markdown.")
def command(filter: str | None, markdown: bool) -> None:
    """Explain the filter language, or check FILTER and say where it is wrong.

    \b
    Examples:
      tubetap filters
      tubetap filters 'type:event epoch:3..7 !from:a'
      tubetap filters --markdown > docs/filters.md
    """
    if markdown:
        click.echo(filters.markdown(), nl=False)
    elif filter is None:
        click.echo(filters.plain())
    else:
        parsed = filters.parse(filter)
        click.echo("reads payloads" if parsed.needs_payload else "answered from the columns alone")
