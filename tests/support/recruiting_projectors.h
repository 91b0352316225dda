#pragma once

#include "pipeline/projector.h"

/// What tools/projections/*.toml and counters/*.toml say, as a user would write it in C++.
namespace rebuild_projection::test {

/// candidate_summary.toml
class CandidateSummary : public Projector {
 public:
  CandidateSummary();
  void handle(const Event& event, Changes& changes) const override;
};

/// lead_summary.toml
class LeadSummary : public Projector {
 public:
  LeadSummary();
  void handle(const Event& event, Changes& changes) const override;
};

/// counters/recruiter_activity.toml
class RecruiterActivity : public Projector {
 public:
  RecruiterActivity();
  void handle(const Event& event, Changes& changes) const override;
};

/// The three of them.
ProjectorRegistry recruiting_projectors();

}  // namespace rebuild_projection::test
