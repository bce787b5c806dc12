//! Who may write a file on Windows: its owner and its access list, as the system writes them down.
//!
//! This workspace has no unsafe code, and the system has no safe call for this. The text form (SDDL)
//! is asked of the system's own PowerShell, only where a policy file is there at all. What is not
//! understood counts as somebody else's.

/// Whose files are the administrator's: Administrators, the system, and the service that installs
/// the system's own files.
const ADMINISTRATORS: [&str; 5] = [
    "BA",
    "SY",
    "S-1-5-32-544",
    "S-1-5-18",
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
];

/// Stands for whoever owns what is made inside; says nothing of this very file.
const FUTURE_OWNERS: [&str; 2] = ["CO", "S-1-3-0"];

/// Rights that change nothing: reading, running, waiting.
const HARMLESS_MASK: u32 = 0x8000_0000 | 0x2000_0000 | 0x0012_0000 | 0x01 | 0x08 | 0x20 | 0x80;
const HARMLESS_NAMES: [&str; 7] = ["GR", "GX", "FR", "FX", "RC", "LO", "CC"];

/// What is wrong with a file of this owner and access list, if anything is.
pub(super) fn suspicion(text: &str) -> Option<String> {
    let text = text.trim();
    let owner = part(text, "O:").unwrap_or_default();
    if !ADMINISTRATORS.contains(&owner) {
        return Some("is not owned by the administrators".to_owned());
    }
    let Some(list) = part(text, "D:") else {
        return Some("has no access list: everybody may write it".to_owned());
    };
    let (flags, entries) = list.find('(').map_or((list, ""), |at| list.split_at(at));
    if flags.contains("NO_ACCESS_CONTROL") {
        return Some("has no access list: everybody may write it".to_owned());
    }
    entries
        .split_terminator(')')
        .find(|entry| !is_harmless(entry.trim_start_matches('(')))
        .map(|entry| format!("can be written by others than the administrators ({entry}))"))
}

/// What stands behind `name` up to the next part.
fn part<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once(':')?;
        let found = before.ends_with(name.trim_end_matches(':'));
        // A part ends where the next letter with a colon begins.
        let end = after
            .find(':')
            .map_or(after.len(), |at| at.saturating_sub(1));
        if found {
            return after.get(..end);
        }
        rest = after;
    }
}

/// Whether `A;flags;rights;object;inherited object;who` lets nobody else change anything.
fn is_harmless(entry: &str) -> bool {
    let fields: Vec<_> = entry.split(';').collect();
    let [kind, flags, rights, _, _, who] = fields[..] else {
        return false;
    };
    let denies = kind == "D" || kind == "OD";
    let only_inside = flags.contains("IO") && FUTURE_OWNERS.contains(&who);
    denies || only_inside || ADMINISTRATORS.contains(&who) || (kind == "A" && reads_only(rights))
}

fn reads_only(rights: &str) -> bool {
    if let Some(hex) = rights.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).is_ok_and(|mask| mask & !HARMLESS_MASK == 0);
    }
    rights.is_ascii()
        && rights.len().is_multiple_of(2)
        && (0..rights.len())
            .step_by(2)
            .all(|at| HARMLESS_NAMES.contains(&&rights[at..at + 2]))
}

/// Asks the system for the text of `path`.
#[cfg(windows)]
pub(super) fn of(path: &std::path::Path) -> Result<String, String> {
    use std::os::windows::process::CommandExt as _;
    /// No console flashes up.
    const NO_WINDOW: u32 = 0x0800_0000;
    let system = known_folders::get_known_folder_path(known_folders::KnownFolder::System)
        .ok_or("the system's folder is not known")?;
    let shell = system
        .join("WindowsPowerShell")
        .join("v1.0")
        .join("powershell.exe");
    let asked = std::process::Command::new(shell)
        .args(["-NoProfile", "-NonInteractive", "-Command"])
        .arg("(Get-Acl -LiteralPath $env:REFIT_POLICY_PATH).Sddl")
        .env("REFIT_POLICY_PATH", path)
        .env_remove("PSModulePath")
        .creation_flags(NO_WINDOW)
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

    const USERS_READ: &str = "O:BAG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1200a9;;;BU)";

    #[test]
    fn what_only_administrators_may_write_is_believed() {
        for text in [
            USERS_READ,
            "O:SYG:SYD:(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;WD)\r\n",
            "O:BAG:BAD:AI(A;OICIIO;GA;;;CO)(A;ID;FA;;;SY)(D;;FA;;;BU)",
            "O:S-1-5-32-544G:SYD:(A;;FA;;;S-1-5-18)",
        ] {
            assert_eq!(suspicion(text), None, "{text}");
        }
    }

    #[test]
    fn what_anybody_else_may_write_is_not() {
        for text in [
            "",
            "nonsense",
            "O:BAG:SY",
            "O:BAG:SYD:NO_ACCESS_CONTROL",
            "O:BUG:SYD:(A;;FA;;;BA)",
            "O:S-1-5-21-1-2-3-1001G:SYD:(A;;FA;;;BA)",
            "O:BAG:SYD:(A;;FA;;;SY)(A;;FA;;;BU)",
            "O:BAG:SYD:(A;;0x1301bf;;;BU)",
            "O:BAG:SYD:(A;;FW;;;WD)",
            "O:BAG:SYD:(A;;GRGW;;;AU)",
            "O:BAG:SYD:(A;;WD;;;BU)",
            "O:BAG:SYD:(A;;FA;;;CO)",
            "O:BAG:SYD:(XA;;FR;;;BU;(Member_of {SID(BA)}))",
            "O:BAG:SYD:(A;FA;BU)",
            "O:BAG:SYD:(A;;FRF;;;BU)",
        ] {
            assert!(suspicion(text).is_some(), "{text}");
        }
    }
}
