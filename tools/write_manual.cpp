#include <cstdio>
#include <string>
#include <string_view>

#include "tools/option_table.h"

/// Writes the manual page or the completion for bash to standard output, from the table of options: what the program
/// takes and what these say cannot differ.
namespace rebuild_projection {

namespace {

/// Text in the language of manual pages: no line may begin as a request does, and dashes are those that are typed.
std::string roff(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins_line = i == 0 || text[i - 1] == '\n';
    if (begins_line && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  return result;
}

std::string manual() {
  std::string text = ".TH REBUILD_PROJECTION 1 \"\" \"rebuild_projection " REBUILD_PROJECTION_VERSION
                     "\" \"User Commands\"\n"
                     ".SH NAME\nrebuild_projection \\- rebuild the read models of an event store\n"
                     ".SH SYNOPSIS\n.B rebuild_projection\n"
                     ".BI \\-\\-projection \" NAME\"\n.B \\-\\-mode DRY_RUN|APPLY\n.RI [ OPTION ...]\n"
                     ".br\n.B rebuild_projection\n.BR \\-\\-list | \\-\\-check | \\-\\-init\n.RI [ OPTION ...]\n"
                     ".SH DESCRIPTION\n"
                     "Replays the events of a PostgreSQL event store, oldest first, into projection tables, in one "
                     "transaction a batch. "
                     "The event store is never written to.\n.SH OPTIONS\n";
  std::string_view group;
  for (const OptionSpec& option : option_table()) {
    if (option.group != group) text += ".SS " + roff(option.group) + '\n';
    group = option.group;
    text += ".TP\n.B \\-\\-" + roff(option.name) + '\n';
    if (!option.is_flag()) text.insert(text.size() - 1, " \\fI" + roff(option.value) + "\\fR");
    text += roff(option.help) + ".\n";
    if (!option.from_elsewhere) continue;
    text += "Environment: \\fB" + roff(environment_name(option.name)) + "\\fR.\n";
  }
  return text + ".SH NOTES\n.nf\n" + roff(help_footer()) +
         "\n.fi\n.SH FILES\n"
         ".TP\n.I /usr/share/rebuild_projection/projections\nexamples of projection files, and their tables\n"
         ".TP\n.I /usr/share/rebuild_projection/stores\nthe presets of \\-\\-store\n";
}

/// The words of "a|b|c" for compgen; empty where the value is anything.
std::string words_of(std::string_view value) {
  if (value.find('|') == std::string_view::npos || value.find("NAME") != std::string_view::npos) return "";
  std::string words(value);
  for (char& c : words)
    if (c == '|') c = ' ';
  return words;
}

/// What completes the option's value, as a command that prints the candidates.
std::string candidates(const OptionSpec& option) {
  if (option.name == "projection") return "compgen -W \"all $(_rebuild_projection_names)\" -- \"$current\"";
  if (option.value == "DIR") return "compgen -d -- \"$current\"";
  if (option.value.find("FILE") != std::string_view::npos) return "compgen -f -- \"$current\"";
  const std::string words = words_of(option.value);
  return words.empty() ? ":" : "compgen -W \"" + words + "\" -- \"$current\"";
}

std::string completion() {
  std::string cases, names;
  for (const OptionSpec& option : option_table()) {
    const std::string dashed = "--" + std::string(option.name);
    names += (names.empty() ? "" : " ") + dashed;
    if (!option.is_flag()) cases += "    " + dashed + ") mapfile -t COMPREPLY < <(" + candidates(option) + ") ;;\n";
  }
  return R"(# bash completion for rebuild_projection, made from its options
_rebuild_projection_names() {
  local i where=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    [ "${COMP_WORDS[i]}" != --projections ] || where=(--projections "${COMP_WORDS[i + 1]}")
  done
  "${COMP_WORDS[0]}" --list "${where[@]}" 2>/dev/null | awk 'NR > 1 { print $1 }'
}
_rebuild_projection() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  # "--mode=DRY" comes as three words.
  if [ "$current" = = ]; then current=; elif [ "$previous" = = ]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
  COMPREPLY=()
  case $previous in
)" + cases +
         "    *) mapfile -t COMPREPLY < <(compgen -W \"" + names +
         "\" -- \"$current\") ;;\n  esac\n}\ncomplete -o filenames -F _rebuild_projection rebuild_projection\n";
}

}  // namespace

}  // namespace rebuild_projection

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what != "man" && what != "bash") {
    std::fputs("usage: write_manual man|bash\n", stderr);
    return 1;
  }
  const std::string text = what == "man" ? rebuild_projection::manual() : rebuild_projection::completion();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}
