//! Who may write a file on macOS beyond what its mode says: its access list, as `ls -e` shows it.
//!
//! This workspace has no unsafe code, and the system's own `ls` tells. What is not understood counts
//! as somebody else's.

/// Whose rights take nothing from the administrator.
const ADMINISTRATORS: [&str; 3] = ["user:root", "group:wheel", "group:admin"];

/// Rights that change nothing, and words about what is made inside.
const HARMLESS: [&str; 11] = [
    "read",
    "execute",
    "list",
    "search",
    "readattr",
    "readextattr",
    "readsecurity",
    "file_inherit",
    "directory_inherit",
    "limit_inherit",
    "only_inherit",
];

/// What is wrong with a file that `ls -lde` shows like this, if anything is.
pub(super) fn suspicion(shown: &str) -> Option<String> {
    let entries = shown.lines().skip(1).filter(|line| !line.trim().is_empty());
    let mut entries = entries.map(str::trim);
    entries
        .find(|entry| !is_harmless(entry))
        .map(|entry| format!("can be written by others than root ({entry})"))
}

/// Whether `0: user:ann inherited allow read,write` lets nobody else change anything.
fn is_harmless(entry: &str) -> bool {
    let Some((_, entry)) = entry.split_once(": ") else {
        return false;
    };
    if entry.contains(" deny ") {
        return !entry.contains(" allow ");
    }
    let Some((who, rights)) = entry.split_once(" allow ") else {
        return false;
    };
    let who = who.strip_suffix(" inherited").unwrap_or(who);
    let mut rights = rights.split(',').map(str::trim);
    ADMINISTRATORS.contains(&who) || rights.all(|right| HARMLESS.contains(&right))
}

/// What the system shows of `path`.
#[cfg(target_os = "macos")]
pub(super) fn of(path: &std::path::Path) -> Result<String, String> {
    let asked = std::process::Command::new("/bin/ls")
        .arg("-lde")
        .arg(path)
        .env_clear()
        .output()
        .map_err(|error| format!("who may write it cannot be asked: {error}"))?;
    if !asked.status.success() {
        return Err("who may write it is not told".to_owned());
    }
    Ok(String::from_utf8_lossy(&asked.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str =
        "drwxr-xr-x+ 3 root  admin  96 Jun  1 12:00 /Library/Application Support/x\n";

    #[test]
    fn an_access_list_that_lets_nobody_else_write_is_believed() {
        for rest in [
            "",
            " 0: group:everyone deny delete\n",
            " 0: user:ann allow list,search,readattr\n 1: group:admin inherited allow add_file,delete\n",
        ] {
            assert_eq!(suspicion(&format!("{FIRST}{rest}")), None, "{rest}");
        }
    }

    #[test]
    fn one_that_lets_anybody_else_write_or_is_not_understood_is_not() {
        for rest in [
            " 0: user:ann allow write\n",
            " 0: group:everyone deny delete\n 1: user:ann allow list,add_file,search\n",
            " 0: group:EXAMPLE\\domain users inherited allow read,writesecurity\n",
            " 0: user:ann allow delete_child\n",
            " 0: user:a deny b allow write\n",
            " 0: user:ann permits write\n",
            " user:ann allow read\n",
        ] {
            assert!(suspicion(&format!("{FIRST}{rest}")).is_some(), "{rest}");
        }
    }
}
