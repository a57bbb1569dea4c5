//! Small meshes, and the stories and properties of path requests on them.

mod apart;
mod least_total;
mod meshes;
mod served;
mod through;
