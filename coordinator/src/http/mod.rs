//! The HTTP front: the whole route table on one screen. A route is one handler and one line.

pub mod admin;
pub mod algorithms;
pub mod answer;
pub mod call;
pub mod context;
pub mod docs;
pub mod equipment;
pub mod error;
pub mod events;
pub mod generate;
pub mod health;
pub mod home;
pub mod input_views;
pub mod inputs;
pub mod json;
pub mod metrics;
pub mod negotiate;
pub mod openapi;
pub mod parts;
pub mod proxy;
pub mod query;
pub mod rate;
pub mod result;
pub mod router;
pub mod run_views;
pub mod runs;
pub mod schemas;
pub mod serve;
pub mod shards;
pub mod steer;
pub mod submit;
pub mod topologies;
pub mod traffic_matrices;

use std::sync::Arc;

use http::Method;
use warp::filters::BoxedFilter;
use warp::reply::Response;

pub use context::{HttpContext, HttpSettings};
pub use serve::serve;

use router::{Limit, Route, fold};

/// Makes the table and, of the same handlers, the operations of the OpenAPI document.
macro_rules! routes {
    ($($method:ident $path:literal $module:ident::$handler:ident $($limit:ident)?;)*) => {
        /// The operations as utoipa derives them from the handlers.
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($module::$handler),*))]
        pub struct Operations;

        /// Every route, the busiest first.
        #[must_use]
        pub fn table() -> Vec<Route> {
            vec![$(Route::new(Method::$method, $path, routes!(@limit $($limit)?), $module::$handler)),*]
        }
    };
    (@limit) => { Limit::Body };
    (@limit documents) => { Limit::Document };
}

routes! {
    POST   "/api/v1/runs"                               submit::submit documents;
    GET    "/api/v1/runs/{id}"                          runs::get;
    GET    "/api/v1/runs/{id}/result"                   result::result;
    GET    "/api/v1/runs/{id}/events"                   events::events;
    GET    "/api/v1/runs"                               runs::list;
    DELETE "/api/v1/runs/{id}"                          runs::delete;
    POST   "/api/v1/runs/{id}/cancel"                   runs::cancel;
    POST   "/api/v1/runs/{id}/pause"                    steer::pause;
    POST   "/api/v1/runs/{id}/resume"                   steer::resume;
    POST   "/api/v1/runs/{id}/retry"                    steer::retry;
    POST   "/api/v1/runs/{id}/resubmit"                 submit::resubmit;
    GET    "/api/v1/runs/{id}/stages"                   runs::stages;
    GET    "/api/v1/runs/{id}/shards"                   shards::shards;
    GET    "/api/v1/runs/{id}/query"                    query::query;
    GET    "/api/v1/runs/{id}/inputs/{role}"            parts::input;
    GET    "/api/v1/runs/{id}/stages/{n}/state"         parts::state;
    GET    "/api/v1/runs/{id}/stages/{n}/shards/{shard}" parts::shard;

    GET    "/api/v1/algorithms"                         algorithms::list;
    GET    "/api/v1/algorithms/{name}"                  algorithms::get;

    GET    "/api/v1/topologies"                         topologies::list;
    POST   "/api/v1/topologies"                         topologies::create documents;
    POST   "/api/v1/topologies/import"                  topologies::import documents;
    POST   "/api/v1/topologies/validate"                topologies::validate documents;
    GET    "/api/v1/topologies/{id}"                    topologies::get;
    PATCH  "/api/v1/topologies/{id}"                    topologies::rename;
    DELETE "/api/v1/topologies/{id}"                    topologies::delete;
    GET    "/api/v1/topologies/{id}/versions"           topologies::versions;
    POST   "/api/v1/topologies/{id}/versions"           topologies::append documents;
    GET    "/api/v1/topologies/{id}/versions/{n}"       topologies::version;

    GET    "/api/v1/traffic-matrices"                   traffic_matrices::list;
    POST   "/api/v1/traffic-matrices"                   traffic_matrices::create documents;
    POST   "/api/v1/traffic-matrices:generate"          generate::make documents;
    POST   "/api/v1/traffic-matrices/import"            traffic_matrices::import documents;
    POST   "/api/v1/traffic-matrices/validate"          traffic_matrices::validate documents;
    GET    "/api/v1/traffic-matrices/{id}"              traffic_matrices::get;
    PATCH  "/api/v1/traffic-matrices/{id}"              traffic_matrices::rename;
    DELETE "/api/v1/traffic-matrices/{id}"              traffic_matrices::delete;
    GET    "/api/v1/traffic-matrices/{id}/versions"     traffic_matrices::versions;
    POST   "/api/v1/traffic-matrices/{id}/versions"     traffic_matrices::append documents;
    GET    "/api/v1/traffic-matrices/{id}/versions/{n}" traffic_matrices::version;

    GET    "/api/v1/equipment"                          equipment::list;
    POST   "/api/v1/equipment"                          equipment::create documents;
    POST   "/api/v1/equipment/import"                   equipment::import documents;
    POST   "/api/v1/equipment/validate"                 equipment::validate documents;
    GET    "/api/v1/equipment/{id}"                     equipment::get;
    PATCH  "/api/v1/equipment/{id}"                     equipment::rename;
    DELETE "/api/v1/equipment/{id}"                     equipment::delete;
    GET    "/api/v1/equipment/{id}/versions"            equipment::versions;
    POST   "/api/v1/equipment/{id}/versions"            equipment::append documents;
    GET    "/api/v1/equipment/{id}/versions/{n}"        equipment::version;

    GET    "/api/v1/admin/status"                       admin::status;
    GET    "/admin/status"                              admin::bare_status;
    GET    "/api/v1/admin/scaling"                      admin::scaling;
    GET    "/api/v1/admin/workers"                      admin::workers;
    GET    "/api/v1/admin/workers/{id}"                 admin::worker;
    POST   "/api/v1/admin/workers/{id}/drain"           admin::drain;
    POST   "/api/v1/admin/workers/{id}/undrain"         admin::undrain;
    POST   "/api/v1/admin/queue/pause"                  admin::pause;
    POST   "/api/v1/admin/queue/resume"                 admin::resume;

    GET    "/livez"                                     health::livez;
    GET    "/readyz"                                    health::readyz;
    GET    "/version"                                   health::version;
    GET    "/metrics"                                   metrics::scrape;
    GET    "/api/v1/openapi.json"                       docs::openapi;
    GET    "/docs"                                      docs::to_docs;
    GET    "/docs/errors"                               docs::errors;
    GET    "/docs/{*file}"                              docs::swagger;
    GET    "/"                                          home::home;
}

/// The table as one filter.
#[must_use]
pub fn routes(context: &Arc<HttpContext>) -> BoxedFilter<(Response,)> {
    fold(context, table())
}
