//! The table of functions that SQLite calls: its own for this system, with ours in front of those that change
//! something.
//!
//! As a [`sqlite3_vfs`](https://www.sqlite.org/c3ref/vfs.html) has it, a file is a piece of memory that SQLite
//! allocates, as large as we ask, at whose beginning there is a pointer to the functions of this file. The system's
//! file lies at the beginning of ours, so its own functions take it as it is; behind it lies [`Behind`].

use std::{
    ffi::{CStr, OsStr, c_char, c_int, c_void},
    io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicPtr, Ordering},
    },
};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use crate::disk::{Fate, Watched, What};

/// The system's own, which ours was made from. SQLite never frees or moves its file systems, and calls them from every
/// thread itself. It is there before ours is registered: another thread may open a file at once.
static SYSTEM: AtomicPtr<sqlite3_vfs> = AtomicPtr::new(ptr::null_mut());

/// What came of the one attempt.
static INSTALLED: OnceLock<Result<(), c_int>> = OnceLock::new();

/// What lies behind the system's part of a file.
struct Behind {
    /// What SQLite calls.
    ours: sqlite3_io_methods,
    /// What it would call without us.
    theirs: *const sqlite3_io_methods,
    /// Dropped when the file is closed.
    watched: *mut Watched,
}

/// Makes ours the default of this process, once.
pub(crate) fn install() -> io::Result<()> {
    let installed = INSTALLED.get_or_init(|| {
        // SAFETY: both may be called at any time, from any thread. The default is there and lives as long as the
        // process, as does the copy that is leaked here; its name is theirs no more, and its `pNext` SQLite's to set.
        unsafe {
            let initialized = ffi::sqlite3_initialize();
            if initialized != ffi::SQLITE_OK {
                return Err(initialized);
            }
            let system = ffi::sqlite3_vfs_find(ptr::null());
            let mut ours = *system;
            ours.szOsFile = (behind_at(system) + size_of::<Behind>()) as c_int;
            ours.zName = c"mapek-disk".as_ptr();
            ours.pNext = ptr::null_mut();
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            SYSTEM.store(system, Ordering::Release);
            let registered = ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1);
            if registered == ffi::SQLITE_OK { Ok(()) } else { Err(registered) }
        }
    });
    match installed {
        Ok(()) => Ok(()),
        Err(code) => Err(io::Error::other(format!("SQLite refuses the file system: {code}"))),
    }
}

fn system() -> *mut sqlite3_vfs {
    SYSTEM.load(Ordering::Acquire)
}

/// Where [`Behind`] begins.
///
/// # Safety
///
/// `system` is a file system.
unsafe fn behind_at(system: *const sqlite3_vfs) -> usize {
    // SAFETY: as the caller says.
    let theirs = unsafe { (*system).szOsFile };
    (theirs as usize).next_multiple_of(align_of::<Behind>())
}

/// What lies behind the system's part.
///
/// # Safety
///
/// `file` was opened by [`open`] and is not closed, or is being opened by it.
unsafe fn behind(file: *mut sqlite3_file) -> *mut Behind {
    // SAFETY: SQLite allocates `szOsFile` bytes, aligned to eight, of which ours are the last.
    unsafe { file.cast::<u8>().add(behind_at(system())).cast() }
}

/// The file as we know it, and the system's functions for it.
///
/// # Safety
///
/// `file` was opened by [`open`] with ours before theirs, and is not closed.
unsafe fn parts<'a>(file: *mut sqlite3_file) -> (&'a Watched, &'a sqlite3_io_methods) {
    // SAFETY: `open` has filled it, and nobody else changes it before it is closed.
    unsafe {
        let behind = behind(file);
        (&*(*behind).watched, &*(*behind).theirs)
    }
}

/// # Safety
///
/// `name` is null or a name that SQLite made.
unsafe fn watched(name: *const c_char) -> Option<Watched> {
    if name.is_null() {
        return None;
    }
    // SAFETY: SQLite's names end with a zero.
    let name = unsafe { CStr::from_ptr(name) };
    Watched::find(Path::new(OsStr::from_bytes(name.to_bytes())))
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's, and go to the system's function as they are. A file that it did not open
    // has no functions, and SQLite does not call any. One that is not watched keeps the system's; one that is gets
    // ours, which find behind it what is put there before.
    unsafe {
        let watched = watched(name);
        if let Some(watched) = &watched
            && watched.fate(What::Open) != Fate::Done
        {
            // Whoever is refused must not find functions there.
            (*file).pMethods = ptr::null();
            return ffi::SQLITE_CANTOPEN;
        }
        let was_there = name.is_null() || is_there(name);
        let opened = call((*system()).xOpen)(system(), name, file, flags, out);
        let Some(watched) = watched else { return opened };
        if opened != ffi::SQLITE_OK || (*file).pMethods.is_null() {
            return opened;
        }
        let creates = flags & ffi::SQLITE_OPEN_CREATE != 0;
        watched.note(|flushed, path| flushed.opened(path, was_there, creates));
        let theirs = (*file).pMethods;
        let mut ours = *theirs;
        ours.xClose = Some(close);
        ours.xRead = Some(read);
        ours.xWrite = Some(write);
        ours.xTruncate = Some(truncate);
        ours.xSync = Some(sync);
        if ours.xShmMap.is_some() {
            ours.xShmMap = Some(grow);
        }
        let behind = behind(file);
        let watched = Box::into_raw(Box::new(watched));
        behind.write(Behind { ours, theirs, watched });
        (*file).pMethods = &raw const (*behind).ours;
        opened
    }
}

/// # Safety
///
/// `name` is a name that SQLite made.
unsafe fn is_there(name: *const c_char) -> bool {
    let mut answer = 0;
    // SAFETY: as the caller says.
    let asked = unsafe {
        call((*system()).xAccess)(system(), name, ffi::SQLITE_ACCESS_EXISTS, &raw mut answer)
    };
    asked == ffi::SQLITE_OK && answer != 0
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's, and go to the system's function as they are.
    unsafe {
        let Some(watched) = watched(name) else {
            return call((*system()).xDelete)(system(), name, sync);
        };
        if watched.fate(What::Delete) != Fate::Done {
            return ffi::SQLITE_IOERR_DELETE;
        }
        let deleted = call((*system()).xDelete)(system(), name, sync);
        if deleted == ffi::SQLITE_OK {
            watched.note(|flushed, path| flushed.deleted(path, sync != 0));
        }
        deleted
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes once what we have opened. The system's function clears its own part and not ours.
    unsafe {
        let behind = behind(file);
        let watched = Box::from_raw((*behind).watched);
        let theirs = (*behind).theirs;
        (*file).pMethods = theirs;
        let closed = call((*theirs).xClose)(file);
        drop(watched);
        closed
    }
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    into: *mut c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: the arguments are SQLite's, of a file that we have opened, and go to the system's function as they are.
    unsafe {
        let (watched, theirs) = parts(file);
        if watched.fate(What::Read) != Fate::Done {
            return ffi::SQLITE_IOERR_READ;
        }
        call(theirs.xRead)(file, into, amount, offset)
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: as above; `from` has `amount` bytes, and half of them are fewer.
    unsafe {
        let (watched, theirs) = parts(file);
        let fate = watched.fate(What::Write);
        let amount = match fate {
            Fate::Done => amount,
            Fate::Torn => amount / 2,
            Fate::Fails => return ffi::SQLITE_IOERR_WRITE,
            Fate::Full => return ffi::SQLITE_FULL,
        };
        let written = call(theirs.xWrite)(file, from, amount, offset);
        if written == ffi::SQLITE_OK {
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), amount as usize);
            watched.note(|flushed, path| flushed.written(path, offset as u64, bytes));
        }
        if fate == Fate::Done { written } else { ffi::SQLITE_IOERR_WRITE }
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    // SAFETY: as above.
    unsafe {
        let (watched, theirs) = parts(file);
        if watched.fate(What::Truncate) != Fate::Done {
            return ffi::SQLITE_IOERR_TRUNCATE;
        }
        let truncated = call(theirs.xTruncate)(file, length);
        if truncated == ffi::SQLITE_OK {
            watched.note(|flushed, path| flushed.cut(path, length as u64));
        }
        truncated
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: as above.
    unsafe {
        let (watched, theirs) = parts(file);
        if watched.fate(What::Sync) != Fate::Done {
            watched.note(|flushed, path| flushed.failed(path));
            return ffi::SQLITE_IOERR_FSYNC;
        }
        let synced = call(theirs.xSync)(file, flags);
        if synced == ffi::SQLITE_OK {
            watched.note(|flushed, path| flushed.flushed(path));
        }
        synced
    }
}

unsafe extern "C" fn grow(
    file: *mut sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        let (watched, theirs) = parts(file);
        // Only asking whether a part is there costs no room.
        if extend != 0 && watched.fate(What::Grow) != Fate::Done {
            *out = ptr::null_mut();
            return ffi::SQLITE_IOERR_SHMSIZE;
        }
        call(theirs.xShmMap)(file, page, size, extend, out)
    }
}

/// A function that every file system, and every file, of this system has.
fn call<F>(function: Option<F>) -> F {
    function.expect("the system's own has it")
}
