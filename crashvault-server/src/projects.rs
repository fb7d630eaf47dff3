//! Which projects there are, by the number that a DSN names, and which keys open them: `server.toml` beside the vault's
//! own settings.
//!
//! The file is read again when it has changed, so that what a command writes holds for a server that runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use crashvault::{Error, ErrorKind, Result};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table};

const FILE: &str = "server.toml";
const LOCK: &str = "server.lock";
const ABOUT: &str = "# Projects that `crashvault serve` takes events for: their numbers in DSNs, and the keys that open them.\n";
/// How long what was read is believed.
const AGE_MAX: Duration = Duration::from_secs(1);
/// Projects that are made because somebody sends to them.
const PROJECTS_MAX: usize = 10_000;
/// Bytes of a key; twice as many digits.
const KEY_BYTES: usize = 16;
/// The first project's name: that of events which name no project.
const FIRST: &str = "default";

/// A project that events can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Project {
    /// Its number in DSNs.
    pub id: u64,
    /// Its name, as issues show it.
    pub name: String,
    /// The keys that open it: 32 digits each.
    pub keys: Vec<String>,
}

impl Project {
    /// Where an SDK sends to, if the server is at `place` (`127.0.0.1:5678`); `None` without a key.
    pub fn dsn(&self, place: &str) -> Option<String> {
        let key = self.keys.first()?;
        Some(format!("http://{key}@{place}/{}", self.id))
    }
}

/// The projects of a vault.
#[derive(Debug)]
pub struct Projects {
    home: PathBuf,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    projects: Vec<Project>,
    changed_at: Option<SystemTime>,
    looked_at: Option<Instant>,
}

impl Projects {
    /// Those of the vault in `home`; none if it has no `server.toml`.
    ///
    /// # Errors
    /// InvalidInput for a file that cannot be understood, naming it; Io.
    pub fn open(home: impl AsRef<Path>) -> Result<Self> {
        let projects = Self {
            home: home.as_ref().to_owned(),
            known: RwLock::default(),
        };
        projects.read()?;
        Ok(projects)
    }

    /// All of them, by number.
    pub fn list(&self) -> Vec<Project> {
        self.look();
        self.known().projects.clone()
    }

    /// The one that a DSN names.
    pub fn by_id(&self, id: u64) -> Option<Project> {
        self.look();
        let known = self.known();
        known
            .projects
            .iter()
            .find(|project| project.id == id)
            .cloned()
    }

    /// The one of that name.
    pub fn by_name(&self, name: &str) -> Option<Project> {
        self.look();
        let known = self.known();
        known
            .projects
            .iter()
            .find(|project| project.name == name)
            .cloned()
    }

    /// Whether any project has a key.
    pub fn has_keys(&self) -> bool {
        self.look();
        self.known()
            .projects
            .iter()
            .any(|project| !project.keys.is_empty())
    }

    /// Makes a project with a key, under a number of its own; one of that name stays as it is.
    ///
    /// # Errors
    /// Io; InvalidInput for a name that is empty or longer than 200 bytes.
    pub fn create(&self, name: &str) -> Result<Project> {
        let is_fit =
            !name.trim().is_empty() && name.len() <= 200 && !name.chars().any(char::is_control);
        if !is_fit {
            let message = "a project's name is one line of at most 200 bytes";
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "create project",
                message,
            ));
        }
        self.change(|projects| {
            if let Some(known) = projects.iter().find(|project| project.name == name) {
                return Ok(known.clone());
            }
            let id = projects.iter().map(|project| project.id).max().unwrap_or(0) + 1;
            add(projects, id, name.to_owned(), vec![new_key()?])
        })
    }

    /// The project that a DSN names, made if there is none: for senders of the same machine.
    ///
    /// # Errors
    /// LimitReached beyond ten thousand projects; Io.
    pub(crate) fn obtain(&self, id: u64) -> Result<Project> {
        if let Some(known) = self.by_id(id) {
            return Ok(known);
        }
        self.change(|projects| {
            if let Some(known) = projects.iter().find(|project| project.id == id) {
                return Ok(known.clone());
            }
            if projects.len() >= PROJECTS_MAX {
                let message = format!("there are {PROJECTS_MAX} projects already");
                return Err(Error::new(
                    ErrorKind::LimitReached,
                    "create project",
                    message,
                ));
            }
            let name = match id {
                1 => FIRST.to_owned(),
                id => format!("project-{id}"),
            };
            add(projects, id, name, vec![new_key()?])
        })
    }

    /// Gives a project one more key, which is the answer.
    ///
    /// # Errors
    /// NotFound; Io.
    pub fn add_key(&self, id: u64) -> Result<String> {
        self.change(|projects| {
            let key = new_key()?;
            find(projects, id)?.keys.push(key.clone());
            Ok(key)
        })
    }

    /// Takes a key away: nothing that is sent with it is accepted any more.
    ///
    /// # Errors
    /// NotFound if no project has it; Io.
    pub fn revoke_key(&self, key: &str) -> Result<Project> {
        self.change(|projects| {
            let holder = projects
                .iter_mut()
                .find(|project| project.keys.iter().any(|known| known == key));
            let holder = holder.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "revoke key", "no project has this key")
            })?;
            holder.keys.retain(|known| known != key);
            Ok(holder.clone())
        })
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self) -> PathBuf {
        self.home.join(FILE)
    }

    /// Reads the file again if it has changed. What cannot be understood leaves what was known.
    fn look(&self) {
        let (looked_at, changed_at) = {
            let known = self.known();
            (known.looked_at, known.changed_at)
        };
        if looked_at.is_some_and(|at| at.elapsed() < AGE_MAX) {
            return;
        }
        if changed(&self.path()) != changed_at {
            let _ = self.read();
        } else {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.looked_at = Some(Instant::now());
        }
    }

    fn read(&self) -> Result<()> {
        let path = self.path();
        let changed_at = changed(&path);
        let projects = parse(&path, &text(&path)?)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Known {
            projects,
            changed_at,
            looked_at: Some(Instant::now()),
        };
        Ok(())
    }

    /// Changes the file, one process at a time.
    fn change<T>(&self, work: impl FnOnce(&mut Vec<Project>) -> Result<T>) -> Result<T> {
        let path = self.path();
        let failed = |error| Error::io("change projects", &path, error);
        let lock = private(OpenOptions::new().write(true).create(true).truncate(false))
            .open(self.home.join(LOCK))
            .map_err(failed)?;
        lock.lock().map_err(failed)?;
        let before = text(&path)?;
        let mut projects = parse(&path, &before)?;
        let done = work(&mut projects)?;
        write(&path, &rendered(&path, &before, &projects)?).map_err(failed)?;
        let _ = lock.unlock();
        self.read()?;
        Ok(done)
    }
}

fn add(projects: &mut Vec<Project>, id: u64, name: String, keys: Vec<String>) -> Result<Project> {
    let project = Project { id, name, keys };
    projects.push(project.clone());
    projects.sort_by_key(|project| project.id);
    Ok(project)
}

fn find(projects: &mut [Project], id: u64) -> Result<&mut Project> {
    let found = projects.iter_mut().find(|project| project.id == id);
    found.ok_or_else(|| {
        let message = format!("there is no project {id}");
        Error::new(ErrorKind::NotFound, "find project", message)
    })
}

fn new_key() -> Result<String> {
    let mut bytes = [0; KEY_BYTES];
    let source = Path::new("/dev/urandom");
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| Error::io("make key", source, error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|found| found.modified()).ok()
}

fn text(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(ABOUT.to_owned()),
        read => read.map_err(|error| Error::io("read projects", path, error)),
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Under another name first, and on the disk, so that nobody ever reads half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("toml.new");
    let mut file =
        private(OpenOptions::new().write(true).create(true).truncate(true)).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

fn document(path: &Path, text: &str) -> Result<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let message = format!("{}: {}", path.display(), error.message());
        Error::new(ErrorKind::InvalidInput, "read projects", message)
    })
}

fn parse(path: &Path, text: &str) -> Result<Vec<Project>> {
    let document = document(path, text)?;
    let tables = document.get("project").and_then(Item::as_array_of_tables);
    let mut projects = Vec::new();
    for table in tables.into_iter().flatten() {
        projects.push(project(table).ok_or_else(|| {
            let message = format!(
                "{}: a [[project]] has an `id` above 0, a `name` and a list of `keys`",
                path.display()
            );
            Error::new(ErrorKind::InvalidInput, "read projects", message)
        })?);
    }
    projects.sort_by_key(|project| project.id);
    Ok(projects)
}

fn project(table: &Table) -> Option<Project> {
    let id = table.get("id")?.as_integer()?;
    let keys = match table.get("keys") {
        None => Vec::new(),
        Some(keys) => {
            let keys = keys.as_array()?.iter();
            keys.map(|key| key.as_str().map(str::to_owned))
                .collect::<Option<_>>()?
        }
    };
    Some(Project {
        id: u64::try_from(id).ok().filter(|id| *id > 0)?,
        name: table.get("name")?.as_str()?.to_owned(),
        keys,
    })
}

/// The text with these projects in it; what else it holds stays.
fn rendered(path: &Path, before: &str, projects: &[Project]) -> Result<String> {
    let mut document = document(path, before)?;
    let old = document.remove("project");
    let old = old.and_then(|item| item.into_array_of_tables().ok());
    let mut tables = ArrayOfTables::new();
    for project in projects {
        let kept = old.iter().flatten().find(|table| {
            table.get("id").and_then(Item::as_integer) == i64::try_from(project.id).ok()
        });
        let mut table = kept.cloned().unwrap_or_default();
        table["id"] = toml_edit::value(i64::try_from(project.id).unwrap_or(i64::MAX));
        table["name"] = toml_edit::value(project.name.as_str());
        table["keys"] = toml_edit::value(project.keys.iter().collect::<Array>());
        tables.push(table);
    }
    document.insert("project", Item::ArrayOfTables(tables));
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_a_number_a_name_and_a_key() {
        let home = tempfile::tempdir().unwrap();
        let projects = Projects::open(home.path()).unwrap();
        assert!(!projects.has_keys());
        let shop = projects.create("shop").unwrap();
        assert_eq!((shop.id, shop.keys.len(), shop.keys[0].len()), (1, 1, 32));
        assert_eq!(projects.create("shop").unwrap(), shop);
        assert_eq!(projects.obtain(7).unwrap().name, "project-7");
        assert_eq!(projects.create("till").unwrap().id, 8);
        assert_eq!(Projects::open(home.path()).unwrap().list(), projects.list());
        let dsn = shop.dsn("127.0.0.1:5678").unwrap();
        assert_eq!(dsn, format!("http://{}@127.0.0.1:5678/1", shop.keys[0]));
    }

    #[test]
    fn keys_come_and_go() {
        let home = tempfile::tempdir().unwrap();
        let projects = Projects::open(home.path()).unwrap();
        let shop = projects.create("shop").unwrap();
        let key = projects.add_key(shop.id).unwrap();
        let left = projects.revoke_key(&shop.keys[0]).unwrap();
        assert_eq!(left.keys, std::slice::from_ref(&key));
        assert!(projects.revoke_key(&shop.keys[0]).is_err());
        assert_eq!(projects.by_name("shop").unwrap().keys, [key]);
    }

    #[test]
    fn what_people_wrote_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        fs::write(
            &path,
            "# ours\n[[project]]\nid = 3 # the till\nname = \"till\"\nowner = \"ada\"\n",
        )
        .unwrap();
        let projects = Projects::open(home.path()).unwrap();
        assert_eq!(projects.by_id(3).unwrap().keys, [""; 0]);
        projects.add_key(3).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("# ours") && text.contains("owner = \"ada\""),
            "{text}"
        );
    }

    #[test]
    fn a_file_that_is_wrong_says_where() {
        let check = |text: &str, expected: &str| {
            let home = tempfile::tempdir().unwrap();
            fs::write(home.path().join(FILE), text).unwrap();
            let error = Projects::open(home.path()).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        };
        check("[[project", "server.toml");
        check("[[project]]\nid = 0\nname = \"a\"", "`id` above 0");
        check("[[project]]\nid = 1", "`name`");
    }
}
