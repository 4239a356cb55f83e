//! `pushtally config`.

use clap::Subcommand;

use crate::config::{Config, ConfigError, DEFAULT, Storage};
use crate::terminal::say;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every value and where it comes from, secrets hidden.
    Print {
        /// Print the annotated default file instead: the reference of all keys.
        #[arg(long)]
        default: bool,
    },
    /// Check the configuration and say what would run.
    Check,
}

pub(super) fn run(
    command: &ConfigCommand,
    load: impl Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Print { default: true } => say!("{DEFAULT}"),
        ConfigCommand::Print { default: false } => say!("{}", load()?.print()),
        ConfigCommand::Check => say!("{}", summary(&load()?)),
    }
    Ok(())
}

fn summary(config: &Config) -> String {
    let file = config
        .file
        .as_ref()
        .map_or("none, defaults".to_owned(), |file| {
            file.display().to_string()
        });
    let storage = match &config.storage {
        Storage::Local(dir) => format!("local, folder `{}`", dir.display()),
        Storage::Memory => "memory, nothing is kept".to_owned(),
    };
    let public = format!(
        "{} ({})",
        config.listen.public,
        if config.listen.tls.is_some() {
            "TLS"
        } else {
            "plain HTTP"
        }
    );
    let control = config
        .listen
        .control_socket
        .as_ref()
        .map_or("none".to_owned(), |path| path.display().to_string());
    let apps: Vec<String> = config
        .apps
        .iter()
        .map(|declared| declared.app.id.to_string())
        .collect();
    let apps = if apps.is_empty() {
        "none".to_owned()
    } else {
        apps.join(", ")
    };
    let mut lines = vec![
        format!("configuration  {file}"),
        format!("storage        {storage}"),
        format!("public         {public}"),
        format!("operator       {}", config.listen.operator),
        format!("control        {control}"),
        format!("declared apps  {apps}"),
    ];
    lines.extend(
        config
            .notes
            .iter()
            .map(|note| format!("note           {note}")),
    );
    lines.push("ok\n".to_owned());
    lines.join("\n")
}
