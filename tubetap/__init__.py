"""tubetap: a transparent wire-protocol debugging proxy for ZeroMQ pipelines."""
