//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::EXIT_CODES;

/// Plans optical transport networks on a cluster.
#[derive(Debug, Parser)]
#[command(name = "netplanner", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// The coordinator's HTTP address.
    #[arg(long, env = "NETPLANNER_SERVER", default_value = "http://127.0.0.1:5020", global = true)]
    pub server: String,
    /// How answers are printed.
    #[arg(long, value_enum, default_value_t = Output::Table, global = true)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How answers are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs: the server's JSON.
    Json,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a private cluster here: Postgres (or DATABASE_URL), a coordinator, workers. Ends with Ctrl-C.
    Dev(DevArgs),
    /// Start a private cluster, plan a sample network and show the result.
    Demo(DemoArgs),
    /// Store a topology or a traffic matrix from a file.
    Import {
        /// What the file describes.
        #[arg(value_enum)]
        kind: Kind,
        /// The file.
        file: PathBuf,
        /// Its format; by default guessed from its name.
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// Name of the stored input; by default the file's.
        #[arg(long)]
        name: Option<String>,
    },
    /// Serve GNPy's path requests on this machine: design the lines, route, propagate, assign spectrum.
    PathRequest(PathRequestArgs),
    /// Submit, follow and read runs.
    #[command(subcommand)]
    Run(RunCommand),
    /// The cluster as its leader sees it.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Workers of the cluster.
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// The catalogue of algorithms.
    #[command(subcommand)]
    Algorithm(AlgorithmCommand),
}

/// A private cluster.
#[derive(Clone, Debug, Args)]
pub struct DevArgs {
    /// Worker processes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=256))]
    pub workers: u16,
    /// Tasks that each worker runs at a time. Default: the cores of this machine shared among the workers.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub lanes: Option<u16>,
    /// Where the HTTP front listens.
    #[arg(long, env = "NETPLANNER_HTTP_LISTEN", default_value = "127.0.0.1:5020")]
    pub http: SocketAddr,
    /// Where the coordinator listens for workers.
    #[arg(long, env = "NETPLANNER_CLUSTER_LISTEN", default_value = "127.0.0.1:5021")]
    pub link: SocketAddr,
    /// Folder of the private database and the logs. Not used for the database if DATABASE_URL is set.
    #[arg(long, env = "NETPLANNER_DATA", default_value = "data")]
    pub data: PathBuf,
    /// A Postgres that exists already, instead of a private one.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// What the processes log: `error`, `warn`, `info`, `debug`, or directives such as `info,worker=debug`.
    #[arg(long, env = "NETPLANNER_LOG", default_value = "info")]
    pub log: String,
}

/// The demonstration.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// The private cluster. If an address is taken, another one is chosen.
    #[command(flatten)]
    pub cluster: DevArgs,
    /// The sample network.
    #[arg(long, default_value = "nsfnet")]
    pub sample: String,
    /// Draw the planned network into this SVG file.
    #[arg(long)]
    pub svg: Option<PathBuf>,
}

/// Path requests in GNPy's files.
#[derive(Clone, Debug, Args)]
pub struct PathRequestArgs {
    /// The network: GNPy's topology as JSON, or a workbook (`.xls`, `.xlsx`).
    pub topology: PathBuf,
    /// The requests: GNPy's services as JSON, or a workbook with a sheet Service.
    pub services: PathBuf,
    /// The equipment library. Files that its amplifiers name are looked for beside it.
    #[arg(short, long)]
    pub equipment: PathBuf,
    /// Write the results here, in the form of GNPy's responses.
    #[arg(short = 'o', long = "response")]
    pub response: Option<PathBuf>,
    /// Write the designed network here, in the form of GNPy's topologies.
    #[arg(long)]
    pub save_network: Option<PathBuf>,
    /// Solver settings (GNPy's `--sim-params`).
    #[arg(long)]
    pub sim_params: Option<PathBuf>,
    /// Reference power of a channel, in dBm, instead of the equipment library's.
    #[arg(long, allow_negative_numbers = true)]
    pub power: Option<f64>,
    /// Leave fibres and amplifiers as they are in the topology.
    #[arg(long)]
    pub no_insert_edfas: bool,
    /// Design the line again for each request.
    #[arg(long)]
    pub redesign_per_request: bool,
    /// Requests of a workbook go both ways.
    #[arg(long)]
    pub bidir: bool,
    /// Which free spectrum is taken.
    #[arg(long, value_enum, default_value_t = Policy::FirstFit)]
    pub policy: Policy,
}

/// Which free spectrum is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Policy {
    /// The lowest.
    FirstFit,
    /// The highest.
    LastFit,
    /// The lowest in the narrowest gap that is wide enough.
    BestFit,
}

/// What a file describes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    /// Sites and fibre.
    Topology,
    /// Demands between sites.
    Traffic,
    /// Types of fibre, amplifiers, ROADMs and transceivers.
    Equipment,
}

/// Formats that can be imported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// NetPlanner's own documents.
    Json,
    /// The Excel templates of NetPlanner.
    NetplannerXlsx,
    /// The JSON form of NetPlanner's first version.
    NetplannerJson,
    /// SNDlib, XML.
    SndlibXml,
    /// GNPy's topology, services or equipment library.
    GnpyJson,
    /// GNPy's workbook of sites and links.
    GnpyXls,
}

/// Runs.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // there is one of it in a process
pub enum RunCommand {
    /// Submit a run.
    Submit(SubmitArgs),
    /// Follow a run with progress bars until it ends; the exit code tells how.
    Watch {
        /// The run.
        id: String,
    },
    /// Show a run.
    Get {
        /// The run.
        id: String,
    },
    /// List runs, newest first.
    List {
        /// Only in these states, separated by commas.
        #[arg(long)]
        state: Option<String>,
        /// Only of this algorithm.
        #[arg(long)]
        algorithm: Option<String>,
        /// Only with this label.
        #[arg(long)]
        label: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Cancel a run.
    Cancel {
        /// The run.
        id: String,
    },
    /// Hold a run: what lanes have begun with is finished and kept, nothing more is handed out.
    Pause {
        /// The run.
        id: String,
    },
    /// Let a held run go on where it was.
    Resume {
        /// The run.
        id: String,
    },
    /// Try the failed shards of a failed run again: it goes on where it was, with fresh attempts.
    Retry {
        /// The run.
        id: String,
        /// Seconds after which the result is of no more use.
        #[arg(long)]
        deadline_s: Option<u64>,
        /// Follow it until it ends.
        #[arg(long, short)]
        watch: bool,
    },
    /// Start a new run of the same algorithm version on the same inputs, parameters and seed.
    Resubmit {
        /// The run.
        id: String,
        /// Follow it until it ends.
        #[arg(long, short)]
        watch: bool,
    },
    /// Read the report of a run.
    Result {
        /// The run.
        id: String,
        /// In which form.
        #[arg(long, value_enum, default_value_t = ResultFormat::Table)]
        format: ResultFormat,
        /// Write it to this file.
        #[arg(long, short)]
        out: Option<PathBuf>,
    },
    /// Ask for parts of a report, or of the shard results, by an SQL/JSON path.
    Query {
        /// The run.
        id: String,
        /// The path, such as `$.plan.lightpaths[*] ? (@.capacity_gbps > 100).id`.
        path: String,
        /// Look into the results of the shards instead.
        #[arg(long)]
        shards: bool,
    },
    /// Execute one shard of a run on this machine and compare it with what the cluster stored.
    Reproduce {
        /// The run.
        id: String,
        /// The stage, from 0.
        #[arg(long, default_value_t = 0)]
        stage: u32,
        /// The shard, from 0.
        #[arg(long, default_value_t = 0)]
        shard: u32,
        /// Print the result.
        #[arg(long)]
        print: bool,
    },
}

/// What to run, on what.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// Name of the algorithm: see `algorithm list`.
    pub algorithm: String,
    /// A stored topology (`id` or `id@version`), or a file.
    #[arg(long)]
    pub topology: Option<String>,
    /// A stored traffic matrix (`id` or `id@version`), or a file.
    #[arg(long)]
    pub traffic: Option<String>,
    /// A stored equipment library (`id` or `id@version`), or a file.
    #[arg(long)]
    pub equipment: Option<String>,
    /// Any input by its role: `role=id`, `role=id@version`, `role=file`, or `role=run:id` for the report of a run.
    #[arg(long = "input", value_name = "ROLE=SOURCE")]
    pub inputs: Vec<String>,
    /// All parameters: a JSON object, or `@file`.
    #[arg(long)]
    pub params: Option<String>,
    /// One parameter: `name=value` or `group.name=value`, the value as JSON or as plain text.
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// Root of all randomness of the run.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Free text to find the run by.
    #[arg(long)]
    pub label: Option<String>,
    /// Higher goes first.
    #[arg(long)]
    pub priority: Option<i16>,
    /// Seconds after which the result is of no more use.
    #[arg(long)]
    pub deadline_s: Option<u64>,
    /// Only plan: show the stages and an estimate, execute nothing.
    #[arg(long)]
    pub plan_only: bool,
    /// Take the result of an equal run that succeeded, if there is one.
    #[arg(long)]
    pub reuse: bool,
    /// Only workers with this label get its tasks: `name=value`, repeatable.
    #[arg(long = "worker-label", value_name = "NAME=VALUE")]
    pub worker_labels: Vec<String>,
    /// Memory that a task of it may take, in MiB: no worker gets more tasks at a time than it has memory for.
    #[arg(long)]
    pub memory_mib: Option<u32>,
    /// Makes a repetition of this command harmless.
    #[arg(long)]
    pub idempotency_key: Option<String>,
    /// Follow it until it ends.
    #[arg(long, short)]
    pub watch: bool,
}

/// In which form a report is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ResultFormat {
    /// Key figures and the use of each link, for people.
    Table,
    /// The whole report.
    Json,
    /// The lightpaths of a plan, or the routes of a quality report, one line each.
    Csv,
    /// A workbook.
    Xlsx,
    /// A drawing of the network and its plan.
    Svg,
    /// A page with drawing and tables of a plan.
    Html,
    /// The network and its lightpaths for maps.
    Geojson,
}

impl ResultFormat {
    /// The media type to ask for; none for the table, which is made here.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Table | Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Svg => "image/svg+xml",
            Self::Html => "text/html",
            Self::Geojson => "application/geo+json",
        }
    }
}

/// The cluster.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ClusterCommand {
    /// Leader, queue, lanes, submitters, workers.
    Status,
    /// Stop handing out work, for everybody; what lanes have begun with is finished.
    Pause,
    /// Hand out work again.
    Resume,
}

/// Workers.
#[derive(Debug, Subcommand)]
pub enum WorkerCommand {
    /// List connected workers.
    List,
    /// Let a worker finish what it has and take no more.
    Drain {
        /// Its id, or the beginning of it.
        id: String,
    },
    /// Let a worker take work again.
    Undrain {
        /// Its id, or the beginning of it.
        id: String,
    },
}

/// Algorithms.
#[derive(Debug, Subcommand)]
pub enum AlgorithmCommand {
    /// List what workers announced.
    List,
    /// Show an algorithm with its parameters and stages.
    Show {
        /// Its name.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_anywhere() {
        let cli = Cli::try_parse_from(["netplanner", "run", "list", "--output", "json", "--server", "x:1"])
            .unwrap();
        assert_eq!((cli.output, cli.server.as_str()), (Output::Json, "x:1"));
        assert!(Cli::try_parse_from(["netplanner", "run", "submit"]).is_err());
    }
}
