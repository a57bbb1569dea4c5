//! Small meshes, and the stories and properties of path requests on them.

mod apart;
mod meshes;
mod served;
mod through;
