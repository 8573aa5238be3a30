const parentGone = 87; // the exit status that VS Code expects

exports.start = (parentPid) => {
  const timer = setInterval(() => {
    try {
      process.kill(parentPid, 0);
    } catch {
      process.exit(parentGone);
    }
  }, 2000);
  timer.unref();
};
exports.exit = (status) => process.exit(status ?? 0);
