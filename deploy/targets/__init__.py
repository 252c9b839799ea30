"""Profiles of boards, one TOML file each; read by `kws_deploy.boards.board`."""
